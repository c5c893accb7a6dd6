"""Inverted dropout whose rate may be traced. Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.types import Array


class Dropout(nn.Module):
    """Zeroes each element with probability `rate` in training and scales the rest by 1/(1 − rate).

    `rate` in [0, 1) may be a traced scalar, so it can be swept; a Python 0 draws no random numbers.
    The mask comes from the rng stream "dropout". Shape and dtype of the input are kept.
    """

    rate: float | Array

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        if not train or (isinstance(self.rate, int | float) and self.rate == 0):
            return x
        keep = 1.0 - jnp.asarray(self.rate, x.dtype)
        mask = jax.random.bernoulli(self.make_rng("dropout"), keep, x.shape)
        # A rate of 1 would divide 0 by 0 in the gradient.
        return jnp.where(mask, x / jnp.where(keep > 0, keep, 1), 0)
