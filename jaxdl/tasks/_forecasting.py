"""Forecasts of a time series as quantiles, by the pinball loss."""

from collections.abc import Sequence

import jax.numpy as jnp

from jaxdl import forecasting as forecasts
from jaxdl import losses, metrics
from jaxdl.tasks._examples import ratio, weights, zeroed
from jaxdl.tasks.networks import Model, network
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def forecasting(model: Model, levels: Sequence[float] = forecasts.LEVELS) -> Task:
    """The mean pinball loss of quantiles of the next values, over steps, columns and levels.

    model: `(x [B, T, D], train=...) -> [B, H, D, Q]`, such as `models.Forecaster`.
    levels: of the Q quantiles, ascending; the middle one is the forecast, the first and the last
        are the interval.
    Batches are `{"x": [B, T, D], "y": [B, S, D], "mask": [B] (optional)}`, S ≥ H. In training the
    first H targets are learned; after it forecasts of all S are judged, fed back where H < S.
    Reports `loss`, `absolute_error`, `next_error` (of the next value alone) and `coverage`, the
    share of targets in the interval.
    Raises ValueError for levels that are not ascending in 0 … 1, or of an even number.
    """
    inside = all(0 < level < 1 for level in levels)
    if not inside or sorted(set(levels)) != list(levels) or not len(levels) % 2:
        raise ValueError(f"levels {levels} are not an odd number of ascending ones between 0 and 1")

    net = network(model)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return net.init(key, batch["x"])

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        of_examples = weights(batch)
        x, y = (zeroed(jnp.asarray(batch[name]), of_examples) for name in ("x", "y"))
        if train:
            found, model_state = net.apply(params, model_state, x, key=key, train=True)
            y = y[:, : found.shape[1]]
        else:
            found = forecasts.forecast(
                lambda x: predict(params, model_state, {"x": x}), x, y.shape[1]
            )
        values = losses.pinball(found, y, levels).reshape(len(y), -1).mean(axis=1)
        each = jnp.broadcast_to(of_examples[:, None, None], y.shape)
        errors = losses.absolute_error(forecasts.point(found), y)
        reported = {
            "loss": metrics.mean(values, of_examples),
            "absolute_error": metrics.mean(errors, each),
            "next_error": metrics.mean(errors[:, :1], each[:, :1]),
            "coverage": metrics.coverage(found[..., 0], found[..., -1], y, each),
        }
        return ratio(*reported["loss"]), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return net.apply(params, model_state, batch["x"], train=False)[0]

    return Task(init, objective, predict)
