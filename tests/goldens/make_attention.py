"""PyTorch's layers of attention with gradients, for `attention.npz`.

Run from the repository root with the `parity` extra: `python tests/goldens/make_attention.py`.
"""

import sys
from pathlib import Path

import numpy as np
import torch

B, T, N, D, H, HIDDEN = 2, 5, 4, 8, 2, 12
X_MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


def moved(layer: torch.nn.Module) -> torch.nn.Module:
    """With no weight at 0 or 1, where two that were mistaken for each other would not show."""
    for weight in layer.parameters():
        torch.nn.init.normal_(weight, 0.2 if weight.ndim == 1 else 0, 0.4)
    return layer


def measured(layer: torch.nn.Module, y: torch.Tensor, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weights, outputs, and the gradients of Σ y·cos(y's index)."""
    (y * torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)).sum().backward()
    found = {"x": x, "y": y, "x_gradient": x.grad}
    for name, weight in layer.named_parameters():
        found |= {name: weight, f"{name}_gradient": weight.grad}
    return found


def main(folder: Path) -> None:
    """Writes `attention.npz`: encoder and decoder layers, post-norm and pre-norm."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    memory, unseen = torch.randn(B, N, D), X_MASK == 0
    later = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
    arrays = {"memory": memory, "x_mask": X_MASK.double()}
    for norm_first in (False, True):
        options = {
            "dim_feedforward": HIDDEN,
            "dropout": 0.0,
            "activation": "gelu",
            "batch_first": True,
            "norm_first": norm_first,
        }
        encoder = moved(torch.nn.TransformerEncoderLayer(D, H, **options))
        x = torch.randn(B, N, D).requires_grad_()
        y = encoder(x, src_key_padding_mask=unseen)
        found = {"encoder": measured(encoder, y, x)}
        decoder = moved(torch.nn.TransformerDecoderLayer(D, H, **options))
        x = torch.randn(B, T, D).requires_grad_()
        y = decoder(x, memory, tgt_mask=later, memory_key_padding_mask=unseen)
        found["decoder"] = measured(decoder, y, x)
        for name, values in found.items():
            kind = "pre" if norm_first else "post"
            arrays |= {f"{kind}_{name}/{key}": value for key, value in values.items()}
    np.savez_compressed(
        folder / "attention.npz",
        **{key: value.detach().numpy().astype(np.float32) for key, value in arrays.items()},
    )


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
