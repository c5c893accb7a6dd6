"""Inverted dropout whose rate may be traced. Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.types import Array


class Dropout(nn.Module):
    """Zeroes each element with probability `rate` in training and scales the rest by 1/(1 − rate).

    `rate` in [0, 1) may be a traced scalar, so it can be swept; a Python 0 draws no random numbers.
    The mask comes from the rng stream "dropout". Shape and dtype of the input are kept; the rate
    and the draws are float32 for narrower ones, which would round a rate of 0.001 to none.
    shared: axes along which all elements share one draw: (1,) of `[B, T, D]` is one mask for all
        steps (Gal & Ghahramani 2016), of a table `[V, D]` it drops words.
    Raises ValueError for an input that is not of floats, and a Python rate outside [0, 1).
    """

    rate: ArrayLike
    shared: Sequence[int] = ()

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise ValueError(f"dropout of {x.dtype}, floats are needed")
        if isinstance(self.rate, int | float) and not 0 <= self.rate < 1:
            raise ValueError(f"dropout rate {self.rate} is outside [0, 1)")
        if not train or is_zero(self.rate):
            return x
        keep = 1.0 - jnp.asarray(self.rate, jnp.promote_types(x.dtype, jnp.float32))
        shape = [1 if axis in self.shared else size for axis, size in enumerate(x.shape)]
        mask = jax.random.bernoulli(self.make_rng("dropout"), keep, shape)
        # A rate of 1 would divide 0 by 0 in the gradient.
        return jnp.where(mask, x / jnp.where(keep > 0, keep, 1), 0).astype(x.dtype)


def is_zero(rate: ArrayLike) -> bool:
    """Whether a rate is the number 0, known before anything runs: nothing is to be drawn."""
    return isinstance(rate, int | float) and rate == 0
