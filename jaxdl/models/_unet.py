"""U-Net: Ronneberger, Fischer & Brox 2015, https://arxiv.org/abs/1505.04597"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.conv import Conv, ConvTranspose
from jaxdl.types import Array

KERNEL = (4, 4)
"""Of what halves and doubles: a multiple of the stride, so that every pixel is covered alike."""


class UNet(nn.Module):
    """Images `[B, H, W, C]` to images `[B, H, W, outputs]`, fine detail passed by what is coarse.

    features: channels at full size, at half, at a quarter and so on; what each level has before it
    is halved stands beside what comes back up to it. output: elementwise, to the range of images.
    Raises ValueError where 2^(levels − 1) does not divide H and W.
    """

    features: Sequence[int]
    outputs: int
    output: Callable[[Array], Array] = nn.sigmoid
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        shrink = 2 ** (len(self.features) - 1)
        if x.shape[1] % shrink or x.shape[2] % shrink:
            raise ValueError(
                f"{len(self.features)} levels halve images to nothing whole: {x.shape[1]} × "
                f"{x.shape[2]} is not divisible by {shrink}"
            )
        beside: list[Array] = []
        for width in self.features[:-1]:
            x = nn.relu(Conv(width, (3, 3), kernel_init=self.kernel_init, dtype=self.dtype)(x))
            beside.append(x)
            x = nn.relu(
                Conv(width, KERNEL, strides=2, kernel_init=self.kernel_init, dtype=self.dtype)(x)
            )
        x = nn.relu(
            Conv(self.features[-1], (3, 3), kernel_init=self.kernel_init, dtype=self.dtype)(x)
        )
        for width, fine in zip(reversed(self.features[:-1]), reversed(beside), strict=True):
            x = nn.relu(
                ConvTranspose(
                    width, KERNEL, strides=2, kernel_init=self.kernel_init, dtype=self.dtype
                )(x)
            )
            x = jnp.concatenate([x, fine], axis=-1)
            x = nn.relu(Conv(width, (3, 3), kernel_init=self.kernel_init, dtype=self.dtype)(x))
        return self.output(
            Conv(self.outputs, (1, 1), kernel_init=self.kernel_init, dtype=self.dtype)(x)
        )
