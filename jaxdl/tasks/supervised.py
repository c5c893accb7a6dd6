"""A model, a per-example loss and metrics, made a Task."""

import inspect
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.tasks.examples import weighted, weights, zeroed
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def supervised(
    model: nn.Module,
    loss: Callable[[Array, Array], Array],
    metrics: Callable[[Array, Array, Array], Metrics] | None = None,
    penalty: Callable[[PyTree], Array] | None = None,
) -> Task:
    """Empirical risk minimization: the weighted mean of a per-example loss, plus a penalty.

    model: Linen module called as `model(x, train=...)`, or as `model(x)` if it has no `train`.
    loss: `(outputs, y) -> [B, ...]`; further axes are averaged.
    metrics: `(outputs, y, weights [B]) -> {name: (sum, weight)}`, reported beside the loss.
    penalty: `params -> scalar`, λR(θ); part of what is minimized, not of the reported `loss`.
    Batches are `{"x": [B, ...], "y": [B, ...], "mask": [B] (optional)}`. An example of weight 0 is
    harmless zeros in the model, but statistics that a model takes over the batch (batch norm's) do
    count it.
    """
    takes_train = "train" in inspect.signature(type(model).__call__).parameters

    def apply(variables: PyTree, x: Any, train: bool, **options: Any) -> Any:
        flags: dict[str, Any] = {"train": train} if takes_train else {}
        return model.apply(variables, x, **flags, **options)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        flags: dict[str, Any] = {"train": False} if takes_train else {}
        variables = dict(model.init(key, batch["x"], **flags))
        return variables.pop("params", {}), variables

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        variables = {"params": params, **model_state}
        example_weights = weights(batch)
        x, y = batch["x"], batch["y"]
        if "mask" in batch:
            x, y = zeroed(x, example_weights), zeroed(y, example_weights)
        if train:
            outputs, model_state = apply(
                variables, x, True, rngs={"dropout": key}, mutable=list(model_state)
            )
        else:
            outputs = apply(variables, x, False)
        values = loss(outputs, y).reshape(len(example_weights), -1).mean(axis=1)
        total, weight = weighted(values, example_weights)
        mean = total / jnp.where(weight > 0, weight, 1)
        reported = {"loss": (total, weight)}
        if metrics is not None:
            reported |= metrics(outputs, y, example_weights)
        return mean if penalty is None else mean + penalty(params), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Any:
        return apply({"params": params, **model_state}, batch["x"], False)

    return Task(init, objective, predict)
