"""Losses of real numbers, one value per number."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.losses._common import absolute, require_shape
from jaxdl.numerics import wide
from jaxdl.types import Array


def squared_error(predictions: Array, targets: Array) -> Array:
    """(ŷ − y)², elementwise, in the targets' unit squared."""
    return jnp.square(_errors(predictions, targets))


def absolute_error(predictions: Array, targets: Array) -> Array:
    """|ŷ − y|, elementwise, in the targets' unit. The subgradient taken at ŷ = y is 0."""
    return absolute(_errors(predictions, targets))


def huber(predictions: Array, targets: Array, delta: ArrayLike = 1.0) -> Array:
    """½e² where |e| = |ŷ − y| ≤ δ, else δ(|e| − ½δ), elementwise (Huber, 1964).

    Differentiable everywhere, for a δ > 0 that may be traced; δ = ∞ is half the squared error.
    """
    error = absolute(_errors(predictions, targets))
    near = jnp.minimum(error, jnp.asarray(delta, error.dtype))
    return near * (error - near / 2)


def pinball(predictions: Array, targets: Array, levels: ArrayLike | Sequence[float]) -> Array:
    """max(τe, (τ − 1)e) of e = y − ŷ, elementwise (Koenker & Bassett 1978).

    predictions: quantiles `[..., Q]` of the levels τ `[Q]`, each in 0 … 1; targets: `[...]`.
    Least in expectation where ŷ is the quantile of level τ of y; at ½ half the absolute error.
    """
    require_shape(targets, jnp.shape(predictions)[:-1])
    levels = jnp.asarray(levels)
    if jnp.shape(predictions)[-1:] != levels.shape:
        raise ValueError(
            f"predictions have shape {jnp.shape(predictions)}, the levels {levels.shape}"
        )
    spread = jnp.broadcast_to(jnp.asarray(targets)[..., None], jnp.shape(predictions))
    error = -_errors(predictions, spread)
    tilt = jnp.broadcast_to(levels.astype(error.dtype) - 0.5, error.shape)
    return absolute(error) / 2 + tilt * error


def _errors(predictions: Array, targets: Array) -> Array:
    require_shape(targets, jnp.shape(predictions))
    predictions, targets = wide(predictions, targets)
    return predictions - targets


def one_hot_squared_error(outputs: Array, labels: Array) -> Array:
    """Σ (o_k − [k = y])², outputs `[..., K]` and labels `[...]`: squares as a loss of a class."""
    targets = jax.nn.one_hot(labels, outputs.shape[-1], dtype=jnp.float32)
    return squared_error(outputs, targets).sum(-1)
