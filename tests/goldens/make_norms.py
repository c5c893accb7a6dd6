"""PyTorch's normalization layers, their gradients and running statistics, for `norms.npz`.

Run from the repository root with the `parity` extra: `python tests/goldens/make_norms.py`.
Arrays are stored with channels last; momentum and ε are torch's defaults, but for RMS norm's ε.
"""

import sys
from pathlib import Path

import numpy as np
import torch

BATCH, POSITIONS, CHANNELS = 5, 3, 4
LAYERS = {
    "layer": lambda: torch.nn.LayerNorm(CHANNELS),
    "group": lambda: torch.nn.GroupNorm(2, CHANNELS),
    "instance": lambda: torch.nn.InstanceNorm2d(CHANNELS, affine=True),
    "rms": lambda: torch.nn.RMSNorm(CHANNELS, eps=1e-6),
}


def last(x: torch.Tensor) -> np.ndarray:
    return x.detach().permute(0, 2, 3, 1).numpy()


def apply(layer: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """`layer` on `[B, C, H, W]`; those that take their features last see them there."""
    if isinstance(layer, torch.nn.LayerNorm | torch.nn.RMSNorm):
        return layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    return layer(x)


def record(name: str, layer: torch.nn.Module, x: torch.Tensor) -> dict[str, np.ndarray]:
    """Output, and gradients of Σ y·cos(x)."""
    x = x.clone().requires_grad_()
    y = apply(layer, x)
    variables = {"x": x, **dict(layer.named_parameters())}
    gradients = torch.autograd.grad((y * torch.cos(x.detach())).sum(), list(variables.values()))
    arrays = {f"{name}_y": last(y)}
    for variable, gradient in zip(variables, gradients, strict=True):
        arrays[f"{name}_{variable}_gradient"] = (
            last(gradient) if variable == "x" else gradient.numpy()
        )
    return arrays


def main(folder: Path) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    scale, bias = draw(CHANNELS), draw(CHANNELS)
    spread = torch.linspace(0.1, 3, CHANNELS, dtype=torch.float64).reshape(1, -1, 1, 1)
    inputs = spread * draw(3, BATCH, CHANNELS, POSITIONS, POSITIONS) + 1
    arrays = {"x": np.stack([last(x) for x in inputs])}
    arrays |= {"scale": scale.numpy(), "bias": bias.numpy()}

    def filled(layer: torch.nn.Module) -> torch.nn.Module:
        layer = layer.double()
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                parameter.copy_({"weight": scale, "bias": bias}[name])
        return layer

    for name, make in LAYERS.items():
        arrays |= record(name, filled(make()), inputs[0])

    norm = filled(torch.nn.BatchNorm2d(CHANNELS))
    for step, x in enumerate(inputs):
        arrays |= record(f"batch_{step}", norm, x)
        arrays[f"batch_{step}_mean"] = norm.running_mean.numpy().copy()
        arrays[f"batch_{step}_var"] = norm.running_var.numpy().copy()
    arrays |= record("batch_eval", norm.eval(), inputs[0])
    np.savez_compressed(folder / "norms.npz", **arrays)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
