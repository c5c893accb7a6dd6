"""Pooling over windows and over all positions, one and two dimensions."""

from collections.abc import Sequence

import jax.numpy as jnp

from jaxdl.layers.convolution import output_size, shifts
from jaxdl.types import Array


def max_pool(x: Array, window: Sequence[int], strides: Sequence[int] | None = None) -> Array:
    """Largest value of each window, no padding: `[B, *spatial, C]` to `[B, *positions, C]`.

    strides: of each axis; default: the window. The gradient goes to the first of equal values.
    """
    first, *others = _windows(x, window, strides)
    for other in others:
        # A NaN is larger than everything, as in `jnp.max`.
        first = jnp.where((other > first) | jnp.isnan(other), other, first)
    return first


def avg_pool(x: Array, window: Sequence[int], strides: Sequence[int] | None = None) -> Array:
    """Mean of each window, no padding: `[B, *spatial, C]` to `[B, *positions, C]`."""
    parts = _windows(x, window, strides)
    return sum(parts[1:], parts[0]) / len(parts)


def global_avg_pool(x: Array) -> Array:
    """Mean over all positions: `[B, *spatial, C]` to `[B, C]`, whatever the spatial sizes."""
    return x.mean(axis=tuple(range(1, x.ndim - 1)))


def _windows(x: Array, window: Sequence[int], strides: Sequence[int] | None) -> list[Array]:
    strides = tuple(window if strides is None else strides)
    sizes = x.shape[1:-1]
    if not len(sizes) == len(window) == len(strides):
        raise ValueError(
            f"pooling over {tuple(window)} needs [batch, positions, channels], not {x.shape}"
        )
    counts = [output_size(n, k, s) for n, k, s in zip(sizes, window, strides, strict=True)]
    return list(shifts(x, window, strides, (1,) * len(window), counts))
