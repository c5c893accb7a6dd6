"""Residual network. He, Zhang, Ren & Sun 2016, https://arxiv.org/abs/1512.03385 (section 4.2)"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.conv import Conv
from jaxdl.layers.norms import BatchNorm
from jaxdl.models._cnn import Norm, normalize
from jaxdl.ops.pooling import global_avg_pool
from jaxdl.types import Array

Shortcut = Callable[[Array, Array], Array]
"""`(x, y) -> z`: what a block with the input x and the convolved y passes on."""


def identity_shortcut(x: Array, y: Array) -> Array:
    """y + x, without parameters: x is subsampled and its missing channels are 0 (option A).

    `x: [B, H, W, C]`, `y: [B, H', W', F]` with F >= C and H' <= H.
    """
    rows, columns = (-(-x.shape[axis] // y.shape[axis]) for axis in (1, 2))
    more = y.shape[-1] - x.shape[-1]
    return y + jnp.pad(x[:, ::rows, ::columns], ((0, 0), (0, 0), (0, 0), (0, more)))


def no_shortcut(x: Array, y: Array) -> Array:
    """y alone: the plain twin, with the same parameters."""
    return y


class Block(nn.Module):
    """g(shortcut(x, norm(W₂ ∗ g(norm(W₁ ∗ x))))): `[B, H, W, C]` to `[B, ⌈H/s⌉, ⌈W/s⌉, width]`."""

    width: int
    strides: int
    shortcut: Shortcut
    activation: Callable[[Array], Array]
    norm: Norm | None
    kernel_init: Callable[..., Array]
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        y = self.activation(self._convolve(x, self.strides, train))
        y = self._convolve(y, 1, train)
        return self.activation(self.shortcut(x, y))

    def _convolve(self, x: Array, strides: int, train: bool) -> Array:
        y = Conv(
            self.width,
            (3, 3),
            strides=strides,
            use_bias=self.norm is None,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )(x)
        return normalize(self.norm, y, train)


class ResNet(nn.Module):
    """A 3×3 convolution, stages of blocks of two, global average pooling and a linear layer.

    widths: channels of each stage; every stage but the first halves the image.
    blocks: of each stage, at least 1; the depth is 2 · stages · blocks + 2, so 6n + 2 for three.
    outputs: width K of the last layer.
    shortcut: `identity_shortcut`, or `no_shortcut` for the plain twin with the same parameters.
    Input `[B, H, W, C]` of any size, output `[B, K]`. Blocks of equal shape run in one loop and lie
    stacked in the parameters, so that a deep network compiles as fast as a shallow one.
    """

    widths: Sequence[int]
    blocks: int
    outputs: int
    shortcut: Shortcut = identity_shortcut
    activation: Callable[[Array], Array] = nn.relu
    norm: Norm | None = BatchNorm
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        x = Conv(
            self.widths[0],
            (3, 3),
            use_bias=self.norm is None,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )(x)
        x = self.activation(normalize(self.norm, x, train))
        for stage, width in enumerate(self.widths):
            repeated = self.blocks
            if stage:
                x = self._block(width, 2, f"stage_{stage}_first")(x, train=train)
                repeated -= 1
            if repeated:
                x = _repeat(self._block(width, 1, f"stage_{stage}"), repeated, x, train)
        return nn.Dense(self.outputs, kernel_init=self.kernel_init, dtype=self.dtype)(
            global_avg_pool(x)
        )

    def _block(self, width: int, strides: int, name: str) -> Block:
        return Block(
            width,
            strides,
            self.shortcut,
            self.activation,
            self.norm,
            self.kernel_init,
            name=name,
            dtype=self.dtype,
        )


def _repeat(block: Block, times: int, x: Array, train: bool) -> Array:
    """`x` through so many blocks, one after another, each with parameters of its own."""
    loop = nn.scan(
        lambda block, x, _: (block(x, train=train), None),
        variable_axes={"params": 0, "batch_stats": 0},
        split_rngs={"params": True},
        length=times,
    )
    return loop(block, x, None)[0]
