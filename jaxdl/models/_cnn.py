"""Convolutional network. LeCun, Bottou, Bengio & Haffner 1998, https://doi.org/10.1109/5.726791"""

import inspect
from collections.abc import Callable, Sequence

import flax.linen as nn
from jax.typing import DTypeLike

from jaxdl.layers.conv import Conv
from jaxdl.layers.dropout import Dropout
from jaxdl.numerics import narrowed
from jaxdl.ops.pooling import max_pool
from jaxdl.types import Array

Norm = Callable[[], nn.Module]
"""Makes a normalization layer: `BatchNorm`, `LayerNorm`, `partial(GroupNorm, num_groups=4)`."""


def flatten(x: Array) -> Array:
    """`[B, *spatial, C]` to `[B, D]`: every position keeps its own weights; D fixes the size."""
    return x.reshape(x.shape[0], -1)


def normalize(norm: Norm | None, x: Array, train: bool) -> Array:
    """`x` through a new layer of `norm`, which is told `train` if it asks; None: `x` itself.

    In the dtype of x, whatever the layer computes in.
    """
    if norm is None:
        return x
    layer = norm()
    if "train" in inspect.signature(type(layer).__call__).parameters:
        return narrowed(layer(x, train=train), x)
    return narrowed(layer(x), x)


class CNN(nn.Module):
    """Blocks of convolutions, each block halved by max pooling; then dense layers.

    blocks: channels of each convolution, block by block. A convolution keeps the size (SAME); norm
        and activation follow it, and max pooling over windows of 2 ends the block.
    outputs: width K of the last, linear layer; hidden: widths of the dense layers before it.
    kernel_size: two numbers, or one for sequences.
    to_vector: what stands between the two, `[B, *spatial, C] -> [B, D]`: `flatten`, or
        `global_avg_pool`, whose network takes images of any size.
    dropout: rate, in front of each dense layer.
    Input `[B, H, W, C]` (or `[B, T, C]`), output `[B, K]`. Raises ValueError for another rank and
    for images that the blocks halve to nothing.
    """

    blocks: Sequence[Sequence[int]]
    outputs: int
    hidden: Sequence[int] = ()
    kernel_size: Sequence[int] = (3, 3)
    activation: Callable[[Array], Array] = nn.relu
    norm: Norm | None = None
    to_vector: Callable[[Array], Array] = flatten
    dropout: float | Array = 0.0
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        for widths in self.blocks:
            for width in widths:
                x = Conv(
                    width,
                    self.kernel_size,
                    use_bias=self.norm is None,
                    kernel_init=self.kernel_init,
                    dtype=self.dtype,
                )(x)
                x = self.activation(normalize(self.norm, x, train))
            x = max_pool(x, (2,) * len(self.kernel_size))
        x = self.to_vector(x)
        for width in self.hidden:
            x = Dropout(self.dropout)(x, train=train)
            x = self.activation(nn.Dense(width, kernel_init=self.kernel_init, dtype=self.dtype)(x))
        x = Dropout(self.dropout)(x, train=train)
        return nn.Dense(self.outputs, kernel_init=self.kernel_init, dtype=self.dtype)(x)
