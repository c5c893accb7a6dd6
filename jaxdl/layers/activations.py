"""Activations with learned parameters: PReLU and maxout."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.activations import maxout
from jaxdl.types import Array


class PReLU(nn.Module):
    """x where x ≥ 0, else a·x, with a learned slope a for each channel (He et al., 2015).

    `[..., C]` to `[..., C]`; the parameter is `negative_slope: [C]`, 0.25 at first.
    """

    slope_init: Callable[..., Array] = nn.initializers.constant(0.25)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        slope = self.param("negative_slope", self.slope_init, (x.shape[-1],))
        return jnp.where(x >= 0, x, jnp.broadcast_to(slope, x.shape) * x)


class Maxout(nn.Module):
    """Maximum of `pieces` linear maps for each unit: maxₖ (xWₖ + bₖ) (Goodfellow et al., 2013).

    `[..., n_in]` to `[..., features]`. Every Wₖ is drawn by `kernel_init` as a matrix
    `[n_in, features]` of its own, so that its fans are those of one piece.
    """

    features: int
    pieces: int
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        def init(key: Array, shape: tuple[int, int], dtype: jnp.dtype) -> Array:
            def draw(piece_key: Array) -> Array:
                return self.kernel_init(piece_key, (shape[0], self.features), dtype)

            return jax.vmap(draw, out_axes=-1)(jax.random.split(key, self.pieces)).reshape(shape)

        return maxout(nn.Dense(self.features * self.pieces, kernel_init=init)(x), self.pieces)
