"""Metrics of real numbers."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.metrics._sums import Pair, mean
from jaxdl.numerics import wide
from jaxdl.types import Array


def moments(predictions: Array, targets: Array, weight: Array, centre: ArrayLike = 0.0) -> Pair:
    """Sums of y, y², e, e² (`[4]`), for targets y `[...]` less `centre`, errors e = y − ŷ `[...]`.

    centre: a number near the mean of the targets, the same for all batches. Sums of squares cancel
    where |mean| ≫ standard deviation; what is made of them is NaN then, not a wrong number.
    """
    predictions, targets, weight, centre = wide(predictions, targets, weight, centre)
    errors, centred = targets - predictions, targets - centre
    sums = [mean(values, weight)[0] for values in (centred, centred**2, errors, errors**2)]
    return jnp.stack(sums), jnp.sum(weight)


def coverage(low: Array, high: Array, targets: Array, weight: Array) -> Pair:
    """How many targets `[...]` lie in their intervals, bounds included; low, high `[...]`."""
    return mean((low <= targets) & (targets <= high), weight)


def r2(sums: Array, weight: Array) -> Array:
    """1 − Σe² / Σ(y − ȳ)², from `moments`. NaN for constant targets, or too far from `centre`."""
    sums, weight = wide(sums, weight)
    y, y_squared, _, e_squared = jnp.moveaxis(sums, -1, 0)
    return 1 - e_squared / _spread(y, y_squared, weight)


def rmse(sums: Array, weight: Array) -> Array:
    """√(Σe² / n), in the targets' unit, from `moments`."""
    sums, weight = wide(sums, weight)
    return jnp.sqrt(sums[..., 3] / weight)


def explained_variance(sums: Array, weight: Array) -> Array:
    """1 − Var(e) / Var(y), from `moments`. NaN for constant targets, or too far from `centre`."""
    sums, weight = wide(sums, weight)
    y, y_squared, e, e_squared = jnp.moveaxis(sums, -1, 0)
    return 1 - (e_squared - e**2 / weight) / _spread(y, y_squared, weight)


def _spread(total: Array, squares: Array, weight: Array) -> Array:
    """Σ(y − ȳ)²; NaN where the difference has fewer than some three digits."""
    spread = squares - total**2 / weight
    return jnp.where(spread > 1000 * jnp.finfo(spread.dtype).eps * squares, spread, jnp.nan)
