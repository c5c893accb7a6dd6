"""Sums and weights that add over batches."""

import jax.numpy as jnp

from jaxdl.numerics import wide
from jaxdl.types import Array

Pair = tuple[Array, Array]
"""`(sum, weight)`: added over batches, divided once at the end."""


def mean(values: Array, weight: Array) -> Pair:
    """Weighted sum of values `[...]` and the sum of the weights `[...]`.

    Raises ValueError if the shapes differ.
    """
    if values.shape != weight.shape:
        raise ValueError(f"values have shape {values.shape}, their weights {weight.shape}")
    values, weight = wide(values, weight)
    # A padded value is left out, not multiplied by zero: it may be NaN.
    return jnp.sum(jnp.where(weight > 0, values, 0) * weight), jnp.sum(weight)
