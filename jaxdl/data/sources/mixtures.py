"""Mixtures of Gaussians in the plane, on which it can be counted what a generator leaves out.

The ring and the measures are those of Metz et al. 2017 (https://arxiv.org/abs/1611.02163).
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.types import Array


def ring(modes: int, radius: float) -> Array:
    """Centres `[modes, 2]`, evenly spaced on a circle around 0, the first one at (radius, 0)."""
    angles = 2 * jnp.pi * jnp.arange(modes) / modes
    return radius * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)


def sample(key: Array, centres: Array, stddev: ArrayLike, count: int) -> Array:
    """`[count, D]` draws from Gaussians around `centres: [K, D]`, all equally likely and round."""
    which, where = jax.random.split(key)
    means = centres[jax.random.randint(which, (count,), 0, len(centres))]
    return means + stddev * jax.random.normal(where, means.shape)


def shares(samples: Array, centres: Array, reach: ArrayLike) -> Array:
    """Share of the `samples: [N, D]` that lie near each of the `centres: [K, D]`: `[K]`.

    Near is at most `reach` away, from the nearest centre only; what is near none counts for none,
    so the sum is the share of samples of high quality.
    """
    squares = jnp.square(samples[:, None] - centres[None]).sum(axis=-1)
    near = jax.nn.one_hot(squares.argmin(axis=1), len(centres))
    return (near * (squares <= reach**2)).mean(axis=0)
