"""Pooling by attention: learned weights over positions. Jetley et al. 2018; Lin et al. 2017.

https://arxiv.org/abs/1804.02391 (of images), https://arxiv.org/abs/1703.03130 (of words)
"""

import math

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.numerics import cast
from jaxdl.ops.attention import masked_softmax
from jaxdl.types import Array


class AttentionPool(nn.Module):
    """The weighted mean of all positions: `[B, *spatial, C]` to `[B, C]`, of any spatial sizes.

    The weights are a softmax over positions of vᵀ tanh(W x + b), computed in float32; they are
    kept, `[B, *spatial]`, as `weights` in the collection `intermediates` where that is asked for.
    width: of b. mask, in the call: `[B, *spatial]`, 0 where there is padding, which has no weight;
    where there is nothing else, the mean is 0. ValueError for a mask of another shape.
    """

    width: int = 32
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        if mask is not None and mask.shape != x.shape[:-1]:
            raise ValueError(f"mask {mask.shape} is not one for each position of x {x.shape}")
        (x,) = cast(self.dtype, x)
        hidden = jnp.tanh(nn.Dense(self.width, name="hidden", dtype=self.dtype)(x))
        scores = nn.Dense(1, use_bias=False, name="score", dtype=self.dtype)(hidden)[..., 0]
        places = (len(x), math.prod(x.shape[1:-1]))
        flat = scores.reshape(places).astype(jnp.float32)
        real = None if mask is None else mask.reshape(places) > 0
        weights = masked_softmax(flat, real).reshape(scores.shape)
        self.sow("intermediates", "weights", weights)
        return weighted(x, weights)


def weighted(x: Array, weights: Array) -> Array:
    """Σ over positions of weight · x: `[B, *spatial, C]` and `[B, *spatial]` to `[B, C]`."""
    if weights.shape != x.shape[:-1]:
        raise ValueError(f"weights {weights.shape} are not one for each position of x {x.shape}")
    count = math.prod(x.shape[1:-1])
    positions = x.reshape(len(x), count, x.shape[-1])
    return jnp.einsum("bn,bnc->bc", weights.reshape(len(x), count).astype(x.dtype), positions)
