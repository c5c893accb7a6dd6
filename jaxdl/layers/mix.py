"""A mix of the layers of a network, learned by whatever reads it: Peters et al. 2018, equation 1,
https://arxiv.org/abs/1802.05365
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.numerics import cast
from jaxdl.types import Array


class LayerMix(nn.Module):
    """γ Σ_j s_j h_j with s = softmax(w): layers `[K, ..., D]` to `[..., D]`.

    Params: `weights [K]`, w, from zeros (the mean of all layers), and `gamma []`, from 1.
    """

    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, layers: Array) -> Array:
        weights = self.param("weights", nn.initializers.zeros, layers.shape[:1])
        gamma = self.param("gamma", nn.initializers.ones, ())
        shares, gamma, layers = cast(self.dtype, jax.nn.softmax(weights), gamma, layers)
        return gamma * jnp.tensordot(shares, layers, axes=1)
