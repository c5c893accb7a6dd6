"""PyTorch's convolutions and poolings with their gradients, channels last, for `conv.npz`.

Run from the repository root with the `parity` extra: `python tests/goldens/make_conv.py`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

# Spatial sizes, channels, features, window, stride, padding, dilation, groups.
CONVOLUTIONS = {
    "line": ((9,), 2, 3, (3,), 2, (1,), 1, 1),
    "dilated_line": ((10,), 4, 6, (3,), 1, (2,), 2, 2),
    "same": ((6, 5), 2, 3, (3, 5), 1, "same", 1, 1),
    "strided": ((7, 6), 2, 3, (3, 2), 2, (1, 0), 1, 1),
    "dilated": ((7, 6), 2, 3, (3, 2), 1, (0, 0), 2, 1),
    "grouped": ((6, 5), 4, 6, (3, 3), 2, (2, 1), 1, 2),
    "depthwise": ((5, 5), 3, 6, (3, 3), 1, (1, 1), 1, 3),
}
# Spatial sizes, window, strides.
POOLINGS = {
    "line": ((9,), (2,), (2,)),
    "apart": ((6, 7), (2, 3), (2, 3)),
    "overlapping": ((7, 6), (3, 2), (2, 1)),
}


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.movedim(1, -1)


def as_kernel(weight: torch.Tensor) -> torch.Tensor:
    """`[out, in, *window]` as `[*window, in, out]`."""
    return weight.movedim((1, 0), (-2, -1))


def convolution(sizes, channels, features, window, stride, padding, dilation, groups):
    x = torch.randn(2, channels, *sizes, requires_grad=True)
    weight = torch.randn(features, channels // groups, *window, requires_grad=True)
    function = functional.conv1d if len(sizes) == 1 else functional.conv2d
    y = function(x, weight, None, stride, padding, dilation, groups)
    dy = torch.randn_like(y)
    y.backward(dy)
    return {
        "x": channels_last(x),
        "kernel": as_kernel(weight),
        "y": channels_last(y),
        "dy": channels_last(dy),
        "dx": channels_last(x.grad),
        "dkernel": as_kernel(weight.grad),
    }


def transposed():
    """Window 4, stride 2: 2N outputs, the adjoint of a strided SAME convolution."""
    y = torch.randn(2, 3, 3, 4)
    weight = torch.randn(3, 2, 4, 4)
    x = functional.conv_transpose2d(y, weight, stride=2, padding=1)
    return {"y": channels_last(y), "kernel": as_kernel(weight), "x": channels_last(x)}


def pooling(sizes, window, strides):
    # Few different values, so that windows have ties.
    x = torch.randint(0, 3, (2, 2, *sizes)).double().requires_grad_()
    largest, mean = (
        (functional.max_pool1d, functional.avg_pool1d)
        if len(sizes) == 1
        else (functional.max_pool2d, functional.avg_pool2d)
    )
    arrays = {"x": channels_last(x)}
    for name, function in (("max", largest), ("avg", mean)):
        y = function(x, window, strides)
        dy = torch.randn_like(y)
        (dx,) = torch.autograd.grad(y, x, dy)
        arrays[f"{name}_y"] = channels_last(y)
        arrays[f"{name}_dy"] = channels_last(dy)
        arrays[f"{name}_dx"] = channels_last(dx)
    return arrays


def main(folder: Path) -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    cases = {f"conv_{name}": convolution(*case) for name, case in CONVOLUTIONS.items()}
    cases["transposed"] = transposed()
    cases |= {f"pool_{name}": pooling(*case) for name, case in POOLINGS.items()}
    out = {
        f"{case}/{name}": array.detach().numpy()
        for case, arrays in cases.items()
        for name, array in arrays.items()
    }
    np.savez_compressed(folder / "conv.npz", **out)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
