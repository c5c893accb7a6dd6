"""Causal convolutions over time. van den Oord et al. 2016, https://arxiv.org/abs/1609.03499

Stacked with residual connections as in Bai et al. 2018, https://arxiv.org/abs/1803.01271
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.conv import Conv, receptive_field
from jaxdl.types import Array


class Causal(nn.Module):
    """Dilated convolutions that never look ahead: `(x [B, T, D], ...) -> (None, [B, T, features])`.

    Stands where a recurrent layer does; it has no state, so it goes on from none. Of each layer
    relu(conv(x)), and from the second on added to x. Where the mask `[B, T]` is 0 each layer reads
    zeros and gives zeros.
    Raises ValueError for a carry.
    """

    features: int
    dilations: Sequence[int] = (1, 2, 4, 8, 16)
    width: int = 3
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @property
    def receptive_field(self) -> int:
        """How many steps an output depends on, its own the last of them."""
        return receptive_field([(self.width, 1, dilation) for dilation in self.dilations])

    @nn.compact
    def __call__(
        self, x: Array, carry: None = None, mask: Array | None = None, *, train: bool = False
    ) -> tuple[None, Array]:
        if carry is not None:
            raise ValueError("causal convolutions have no state to go on from")
        real = None if mask is None else mask[..., None] != 0
        for number, dilation in enumerate(self.dilations):
            x = x if real is None else jnp.where(real, x, 0)
            conv = Conv(
                self.features,
                (self.width,),
                padding=((dilation * (self.width - 1), 0),),
                dilation=dilation,
                kernel_init=self.kernel_init,
                dtype=self.dtype,
            )
            y = nn.relu(conv(x))
            x = x + y if number else y
        return None, x if real is None else jnp.where(real, x, 0)
