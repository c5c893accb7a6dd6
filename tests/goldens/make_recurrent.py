"""PyTorch's recurrent layers with their gradients, for `recurrent.npz`.

Run from the repository root with the `parity` extra: `python tests/goldens/make_recurrent.py`.
"""

import sys
from pathlib import Path

import numpy as np
import torch

B, T, D, H = 3, 4, 2, 3
LAYERS = {"elman": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def measured(layer: torch.nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weights, outputs, last states and the gradients of Σ y·cos(y's index)."""
    x = x.clone().requires_grad_()
    y, last = layer(x)
    (y * torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)).sum().backward()
    found = {"x": x, "y": y, "x_gradient": x.grad}
    for number, state in enumerate(last if isinstance(last, tuple) else (last,)):
        found[f"last_{number}"] = state
    for name, weight in layer.named_parameters():
        found |= {name: weight, f"{name}_gradient": weight.grad}
    return found


def main(folder: Path) -> None:
    """Writes `recurrent.npz`: one layer of each kind, and two bidirectional LSTMs on each other."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    x = torch.randn(B, T, D)
    layers = {name: kind(D, H, batch_first=True) for name, kind in LAYERS.items()}
    layers["deep"] = torch.nn.LSTM(D, H, num_layers=2, bidirectional=True, batch_first=True)
    arrays = {
        f"{name}/{key}": value.detach().numpy().astype(np.float32)
        for name, layer in layers.items()
        for key, value in measured(layer, x).items()
    }
    np.savez_compressed(folder / "recurrent.npz", **arrays)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
