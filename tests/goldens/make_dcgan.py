"""PyTorch's DCGAN: images, scores of a batch in training, gradient to the noise, for `dcgan.npz`.

Run from the repository root with the `parity` extra: `python tests/goldens/make_dcgan.py`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

BATCH, LATENT, CLASSES = 5, 3, 2


def main(folder: Path) -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    dense = nn.Linear(LATENT + CLASSES, 4 * 2 * 2)
    up = nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1)
    last = nn.ConvTranspose2d(3, 1, 4, stride=2, padding=1)
    first = nn.Conv2d(1 + CLASSES, 3, 4, stride=2, padding=1)
    second = nn.Conv2d(3, 4, 4, stride=2, padding=1)
    score = nn.Linear(4 * 2 * 2, 1)
    normalize = nn.functional.batch_norm

    z, y = torch.randn(BATCH, LATENT, requires_grad=True), torch.randint(0, CLASSES, (BATCH,))
    labels = nn.functional.one_hot(y, CLASSES).to(z.dtype)
    # The dense layers count positions first, then channels.
    x = dense(torch.cat([z, labels], 1)).reshape(BATCH, 2, 2, 4).permute(0, 3, 1, 2)
    x = torch.relu(normalize(x, None, None, training=True))
    x = torch.relu(normalize(up(x), None, None, training=True))
    images = torch.tanh(last(x))
    planes = labels[:, :, None, None].expand(-1, -1, 8, 8)
    h = nn.functional.leaky_relu(first(torch.cat([images, planes], 1)), 0.2)
    h = nn.functional.leaky_relu(normalize(second(h), None, None, training=True), 0.2)
    scores = score(h.permute(0, 2, 3, 1).reshape(BATCH, -1))[:, 0]
    nn.functional.softplus(-scores).mean().backward()

    arrays = {"z": z, "y": y, "images": images.permute(0, 2, 3, 1), "scores": scores}
    arrays["z_gradient"] = z.grad
    layers = {"dense": dense, "up": up, "last": last, "first": first, "second": second}
    for name, layer in {**layers, "score": score}.items():
        weight = layer.weight
        axes = (1, 0) if weight.ndim == 2 else (2, 3, 1, 0)
        arrays |= {f"{name}_kernel": weight.permute(axes), f"{name}_bias": layer.bias}
    out = {name: array.detach().numpy() for name, array in arrays.items()}
    np.savez_compressed(folder / "dcgan.npz", **out)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
