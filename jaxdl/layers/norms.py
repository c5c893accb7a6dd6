"""Normalization over the batch, the channels or groups of them."""

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.types import Array

LayerNorm, GroupNorm, RMSNorm = nn.LayerNorm, nn.GroupNorm, nn.RMSNorm


class BatchNorm(nn.Module):
    """Each feature standardized over batch and positions (Ioffe & Szegedy 2015, algorithm 1)."""

    momentum: float = 0.9
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        norm = nn.BatchNorm(momentum=self.momentum, epsilon=self.epsilon)
        return norm(x, use_running_average=not train)


class InstanceNorm(nn.Module):
    """Each channel of each example standardized over its positions (Ulyanov et al. 2016)."""

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        norm = nn.InstanceNorm(epsilon=self.epsilon)
        return jnp.asarray(norm(x))
