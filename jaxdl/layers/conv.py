"""Convolution layers in one and two dimensions, fast inside compiled loops on CPU too."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.initializers import side_by_side
from jaxdl.numerics import cast
from jaxdl.ops.convolution import Padding, convolve, convolve_transpose, output_size
from jaxdl.types import Array

__all__ = ["Conv", "ConvTranspose", "Padding", "output_size", "receptive_field"]


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


class Conv(nn.Module):
    """Convolution layer: `[B, *spatial, C]` to `[B, *positions, features]`.

    kernel_size: one or two numbers. strides, dilation: of every axis alike. groups divides C and
    features; the kernel is `[*kernel_size, C / groups, features]`, and kernel_init
    draws that of each group alone: fan-out counts the features of one group.
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
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        axes = len(self.kernel_size)
        check_input(x, axes, self.groups, self.features)
        shape = (*self.kernel_size, x.shape[-1] // self.groups, self.features)
        kernel = self.param("kernel", side_by_side(self.kernel_init, self.groups), shape)
        y = convolve(
            *cast(self.dtype, x, kernel),
            strides=(self.strides,) * axes,
            padding=self.padding,
            dilation=(self.dilation,) * axes,
            groups=self.groups,
        )
        if not self.use_bias:
            return y
        (bias,) = cast(self.dtype, self.param("bias", self.bias_init, (self.features,)))
        return y + bias.reshape((1,) * (y.ndim - 1) + (-1,))


class ConvTranspose(nn.Module):
    """The adjoint of a strided convolution: `[B, *spatial, C]` to `[B, *(spatial · strides), F]`.

    It is the adjoint of `Conv` with padding SAME; the kernel is `[*kernel_size, features, C]`, as
    that convolution would have it, so ⟨conv(x), y⟩ = ⟨x, convtranspose(y)⟩ (Dumoulin & Visin 2016).
    kernel_init: given `[*kernel_size, C, features]`, so that fan-in is what it is in `Conv`.
    """

    features: int
    kernel_size: Sequence[int]
    strides: int = 1
    use_bias: bool = True
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    bias_init: Callable[..., Array] = nn.initializers.zeros_init()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        axes = len(self.kernel_size)
        check_input(x, axes)
        kernel = self.param("kernel", self._drawn, (*self.kernel_size, self.features, x.shape[-1]))
        sizes = [size * self.strides for size in x.shape[1:-1]]
        x, kernel = cast(self.dtype, x, kernel)
        y = convolve_transpose(x, kernel, sizes, (self.strides,) * axes)
        if not self.use_bias:
            return y
        (bias,) = cast(self.dtype, self.param("bias", self.bias_init, (self.features,)))
        return y + bias.reshape((1,) * (y.ndim - 1) + (-1,))

    def _drawn(self, key: Array, shape: Sequence[int]) -> Array:
        *window, features, channels = shape
        return jnp.swapaxes(self.kernel_init(key, (*window, channels, features)), -1, -2)


def check_input(x: Array, axes: int, groups: int = 1, features: int = 0) -> None:
    """Raises ValueError unless x is `[B, axes…, C]`, and C and features multiples of groups."""
    if x.ndim != axes + 2:
        raise ValueError(
            f"a {axes}-D convolution needs [batch, {axes} axes, channels], not {x.shape}"
        )
    if x.shape[-1] % groups:
        raise ValueError(f"{groups} groups do not divide {x.shape[-1]} channels of {x.shape}")
    if features % groups:
        raise ValueError(f"{groups} groups do not divide {features} features")
