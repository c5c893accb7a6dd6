"""What all tasks do with the examples of a batch: weigh them, and keep padding from doing harm."""

import jax.numpy as jnp

from jaxdl import metrics
from jaxdl.types import Array, Batch


def weights(batch: Batch) -> Array:
    """Weight of each example, `[B]`: the batch's `mask`, or ones."""
    if "mask" in batch:
        return jnp.asarray(batch["mask"], jnp.float32)
    return jnp.ones(len(next(iter(batch.values()))), jnp.float32)


def zeroed(array: Array, weights: Array) -> Array:
    """`array: [B, ...]` with zeros where the weight `[B]` is 0; integers stay as they are.

    A padded example may hold anything, and 0 · NaN in a gradient is NaN.
    """
    if not jnp.issubdtype(array.dtype, jnp.floating):
        return jnp.asarray(array)
    return jnp.where(weights.reshape(-1, *[1] * (array.ndim - 1)) > 0, array, 0)


def examples(batch: Batch) -> tuple[Array, Array]:
    """`x: [B, ...]`, zero where it is padding, and the weight of each example, `[B]`."""
    x, of_examples = jnp.asarray(batch["x"]), weights(batch)
    return (zeroed(x, of_examples) if "mask" in batch else x), of_examples


def mean(values: Array, weights: Array) -> Array:
    """Weighted mean of values `[B]`; 0 where nothing has a weight."""
    return ratio(*metrics.mean(values, weights))


def ratio(total: Array, weight: Array) -> Array:
    """total / weight; 0 where nothing has a weight."""
    return total / jnp.where(weight > 0, weight, 1)
