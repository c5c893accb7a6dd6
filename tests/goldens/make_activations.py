"""PyTorch's activations and their gradients, for `activations.npz`.

Run from the repository root with the `parity` extra: `python tests/goldens/make_activations.py`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

FUNCTIONS = {
    "linear": torch.nn.Identity(),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hard_tanh": F.hardtanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu_exact": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


def main(folder: Path) -> None:
    x = torch.linspace(-6, 6, 64, dtype=torch.float64, requires_grad=True)  # no kink on the grid
    arrays = {"x": x.detach().numpy()}
    for name, function in FUNCTIONS.items():
        y = function(x)
        arrays[name] = y.detach().numpy()
        arrays[f"{name}_gradient"] = torch.autograd.grad(y.sum(), x)[0].numpy()

    logits = x.reshape(8, 8)
    weights = torch.cos(logits.detach())
    for temperature in (0.3, 1.0, 4.0):
        y = torch.softmax(logits / temperature, dim=-1)
        arrays[f"softmax_{temperature}"] = y.detach().numpy()
        arrays[f"softmax_{temperature}_gradient"] = torch.autograd.grad((y * weights).sum(), x)[
            0
        ].numpy()

    slope = torch.linspace(-0.1, 0.6, 8, dtype=torch.float64, requires_grad=True)
    y = F.prelu(logits, slope)
    by_x, by_slope = torch.autograd.grad((y * weights).sum(), (x, slope))
    arrays |= {"prelu_slope": slope.detach().numpy(), "prelu": y.detach().numpy()}
    arrays |= {"prelu_gradient": by_x.numpy(), "prelu_slope_gradient": by_slope.numpy()}
    np.savez_compressed(folder / "activations.npz", **arrays)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
