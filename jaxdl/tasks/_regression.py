"""Regression of real numbers, by squared error unless told otherwise."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl import losses, metrics
from jaxdl.tasks._supervised import supervised
from jaxdl.tasks.networks import Model
from jaxdl.types import Array, Metrics, PyTree, Sums, Task


def regression(
    model: Model,
    *,
    loss: Callable[..., Array] = losses.squared_error,
    point: Callable[[PyTree], Array] | None = None,
    scale: ArrayLike | Sequence[float] = 1.0,
    penalty: Callable[[PyTree], Array] | None = None,
) -> Task:
    """Task of a model whose outputs have the shape of the targets `y: [B, ...]`.

    Reports `loss` and, of targets `[B]` or `[B, K]`, `r2`, `rmse` and `mae`: each the mean of those
    of the K columns, as scikit-learn's. R² is NaN for constant targets, and for those far from 0
    (|mean| over some 100 standard deviations): `data.read` brings them near it.
    loss: `losses.huber`, say; or of other outputs than a number for each target, such as
        `functools.partial(losses.pinball, levels=[0.1, 0.5, 0.9])` of a model that ends with
        `[B, 3]`. A model may give a pytree, `(states, outputs)`, where the loss takes its pick.
    point: `outputs -> [B, ...]`, what stands for the targets in R², RMSE and MAE where outputs are
        something else, `lambda quantiles: quantiles[..., 1]` say. Without it only `loss` is
        reported of such.
    scale: what targets have been divided by, a number or `[K]`: RMSE and MAE are in the unit that
        they had before.

    Raises ValueError for outputs `[B, 1]` of targets `[B]`, or the other way round, whatever the
    loss is: their difference would be `[B, B]`.
    """

    def checked(outputs: PyTree, y: Array) -> Array:
        if not hasattr(outputs, "shape") or point is not None:
            return loss(outputs, y)
        if outputs.shape == (*y.shape, 1):
            remedy = "give the targets as y[:, None], or let the model end with [..., 0]"
        elif y.shape == (*outputs.shape, 1):
            remedy = "give the targets as y[:, 0]"
        else:
            return loss(outputs, y)
        raise ValueError(
            f"the outputs have shape {outputs.shape}, the targets y {y.shape}: {remedy}"
        )

    def measure(outputs: PyTree, y: Array, weights: Array) -> Metrics:
        found = outputs if point is None else point(outputs)
        if y.ndim not in (1, 2) or getattr(found, "shape", None) != y.shape:
            return {}
        found, y = (array.reshape(len(weights), -1) for array in (found, y))
        sums, count = jax.vmap(metrics.moments, (1, 1, None))(found, y, weights)
        # Last: squares of 1e-20 C, or of 1e20 m, are beyond float32.
        unit = jnp.broadcast_to(jnp.asarray(scale), count.shape)
        in_unit = jnp.concatenate([sums, (unit * count)[:, None]], axis=1)
        missed = (losses.absolute_error(found, y) * unit[None]).mean(axis=1)
        return {
            "r2": Sums(sums, count[0], mean_r2),
            "rmse": Sums(in_unit, count[0], mean_rmse),
            "mae": metrics.mean(missed, weights),
        }

    return supervised(model, checked, measure, penalty)


def mean_r2(sums: Array, weight: Array) -> Array:
    """Mean of the columns' R², from their `moments` `[K, 4]`."""
    return metrics.r2(sums, weight).mean(axis=-1)


def mean_rmse(sums: Array, weight: Array) -> Array:
    """Mean of the columns' RMSE, from their `moments` and weight × unit `[K, 5]`."""
    return (metrics.rmse(sums, weight) * sums[..., 4] / weight).mean(axis=-1)
