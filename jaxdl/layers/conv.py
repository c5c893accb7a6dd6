"""Convolution in one and two dimensions, and its adjoint, fast inside compiled loops on CPU too."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.types import Array

Padding = Literal["SAME", "VALID"] | Sequence[tuple[int, int]]
"""`VALID`: none; `SAME`: ⌈N / stride⌉ outputs, odd one last; or (before, after) of each axis."""


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Positions of a kernel on an axis: ⌊(N + P − d(k − 1) − 1) / s⌋ + 1; P counts both sides.

    Raises ValueError if there is none.
    """
    reach = dilation * (kernel - 1) + 1
    if size + padding < reach:
        raise ValueError(
            f"a kernel that spans {reach} does not fit into {size} + {padding} padding"
        )
    return (size + padding - reach) // stride + 1


def receptive_field(layers: Sequence[tuple[int, int, int]]) -> int:
    """Inputs along an axis that one output of stacked layers sees.

    layers: (kernel, stride, dilation) of each convolution or pooling, the first one first. Each
    adds d(k − 1) times the product of the strides before it.
    """
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * jump
        jump *= stride
    return field


def convolve(
    x: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    padding: Padding = "SAME",
    dilation: Sequence[int],
    groups: int = 1,
) -> Array:
    """Cross-correlation of `x: [B, *spatial, C]` with `kernel: [*window, C / groups, F]`.

    Returns `[B, *positions, F]`. One or two spatial axes; `strides` and `dilation` have as many.
    """
    window = kernel.shape[:-2]
    x = pad(x, window, strides, padding, dilation)
    columns = patches(x, window, strides, dilation)
    per_group = x.shape[-1] // groups
    columns = columns.reshape(*columns.shape[:-2], math.prod(window), groups, per_group)
    flat = kernel.reshape(math.prod(window), per_group, groups, -1)
    if groups == 1:
        merged = columns.reshape(*columns.shape[:-3], -1)
        return merged @ flat.reshape(merged.shape[-1], -1)
    out = jnp.einsum("...wgc,wcgf->...gf", columns, flat)
    return out.reshape(*out.shape[:-2], -1)


def pad(
    x: Array,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
) -> Array:
    """`x` with the zeros that `padding` asks for."""
    widths = margins(x.shape[1:-1], window, strides, padding, dilation)
    return jnp.pad(x, ((0, 0), *widths, (0, 0))) if any(map(any, widths)) else x


def margins(
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
) -> list[tuple[int, int]]:
    """(before, after) of each axis."""
    if padding == "VALID":
        return [(0, 0)] * len(sizes)
    if padding != "SAME":
        return [(before, after) for before, after in padding]
    found = []
    for size, kernel, stride, spread in zip(sizes, window, strides, dilation, strict=True):
        total = max((math.ceil(size / stride) - 1) * stride + spread * (kernel - 1) + 1 - size, 0)
        found.append((total // 2, total - total // 2))
    return found


def patches(
    x: Array, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Array:
    """What a kernel sees at each position: `[B, *positions, window size, C]`."""
    sizes = x.shape[1:-1]
    axes = zip(sizes, window, strides, dilation, strict=True)
    counts = [output_size(n, k, s, 0, d) for n, k, s, d in axes]
    return jnp.stack(list(shifts(x, window, strides, dilation, counts)), axis=-2)


def shifts(
    x: Array,
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    counts: Sequence[int],
) -> Iterator[Array]:
    """`x` at each offset of the window in row-major order, every one `[B, *positions, C]`."""
    for offset in itertools.product(*map(range, window)):
        index = tuple(
            slice(o * d, o * d + (n - 1) * s + 1, s)
            for o, d, s, n in zip(offset, dilation, strides, counts, strict=True)
        )
        yield x[(slice(None), *index)]


class Conv(nn.Module):
    """Convolution layer: `[B, *spatial, C]` to `[B, *positions, features]`.

    kernel_size: one or two numbers. strides, dilation: of every axis alike. groups divides C and
    features; the kernel is `[*kernel_size, C / groups, features]`.
    Raises ValueError naming the shape if the input has another rank, or channels that groups do
    not divide.
    """

    features: int
    kernel_size: Sequence[int]
    strides: int = 1
    padding: Padding = "SAME"
    dilation: int = 1
    groups: int = 1
    use_bias: bool = True
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    bias_init: Callable[..., Array] = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        axes = len(self.kernel_size)
        check_input(x, axes, self.groups)
        shape = (*self.kernel_size, x.shape[-1] // self.groups, self.features)
        y = convolve(
            x,
            self.param("kernel", self.kernel_init, shape),
            strides=(self.strides,) * axes,
            padding=self.padding,
            dilation=(self.dilation,) * axes,
            groups=self.groups,
        )
        if not self.use_bias:
            return y
        bias = self.param("bias", self.bias_init, (self.features,))
        return y + bias.reshape((1,) * (y.ndim - 1) + (-1,))


class ConvTranspose(nn.Module):
    """The adjoint of a strided convolution: `[B, *spatial, C]` to `[B, *(spatial · strides), F]`.

    It is the adjoint of `Conv` with padding SAME; the kernel is `[*kernel_size, features, C]`, as
    that convolution would have it, so ⟨conv(x), y⟩ = ⟨x, convtranspose(y)⟩ (Dumoulin & Visin 2016).
    """

    features: int
    kernel_size: Sequence[int]
    strides: int = 1
    use_bias: bool = True
    kernel_init: Callable[..., Array] = nn.initializers.he_normal(in_axis=-1, out_axis=-2)
    bias_init: Callable[..., Array] = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        axes = len(self.kernel_size)
        check_input(x, axes, 1)
        kernel = self.param(
            "kernel", self.kernel_init, (*self.kernel_size, self.features, x.shape[-1])
        )
        sizes = [size * self.strides for size in x.shape[1:-1]]
        y = convolve_transpose(x, kernel, sizes, (self.strides,) * axes)
        if not self.use_bias:
            return y
        bias = self.param("bias", self.bias_init, (self.features,))
        return y + bias.reshape((1,) * (y.ndim - 1) + (-1,))


def convolve_transpose(
    y: Array, kernel: Array, sizes: Sequence[int], strides: Sequence[int]
) -> Array:
    """The adjoint of `convolve(·, kernel, padding="SAME")` from inputs of these spatial sizes.

    `y: [B, *positions, F]`, `kernel: [*window, C, F]`; returns `[B, *sizes, C]`.
    """
    like = jnp.zeros((y.shape[0], *sizes, kernel.shape[-2]), y.dtype)
    dilation = (1,) * len(strides)
    _, pull = jax.vjp(lambda x: convolve(x, kernel, strides=strides, dilation=dilation), like)
    return pull(y)[0]


def check_input(x: Array, axes: int, groups: int) -> None:
    """Raises ValueError naming the shape unless it is `[B, axes…, C]`, C a multiple of groups."""
    if x.ndim != axes + 2:
        raise ValueError(
            f"a {axes}-D convolution needs [batch, {axes} axes, channels], not {x.shape}"
        )
    if x.shape[-1] % groups:
        raise ValueError(f"{groups} groups do not divide {x.shape[-1]} channels of {x.shape}")
