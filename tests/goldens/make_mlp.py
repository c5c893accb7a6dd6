"""PyTorch's MLP: weights, outputs, loss and gradients, for `mlp.npz`.

Run from the repository root with the `parity` extra: `python tests/goldens/make_mlp.py`.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import torch

WIDTHS = (5, 7, 6, 3)


def main(folder: Path) -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    layers = [torch.nn.Linear(n, m) for n, m in itertools.pairwise(WIDTHS)]
    x, y = torch.randn(11, 5), torch.randint(0, 3, (11,))
    h = x
    for layer in layers[:-1]:
        h = torch.relu(layer(h))
    logits = layers[-1](h)
    loss = torch.nn.functional.cross_entropy(logits, y)
    loss.backward()
    arrays = {"x": x, "y": y, "logits": logits, "loss": loss}
    for number, layer in enumerate(layers):
        # PyTorch keeps weights as [out, in].
        arrays |= {
            f"kernel_{number}": layer.weight.T,
            f"bias_{number}": layer.bias,
            f"kernel_gradient_{number}": layer.weight.grad.T,
            f"bias_gradient_{number}": layer.bias.grad,
        }
    out = {name: array.detach().numpy() for name, array in arrays.items()}
    np.savez_compressed(folder / "mlp.npz", **out)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
