"""A model, a per-example loss and metrics, made a Task."""

from collections.abc import Callable

from jaxdl.metrics import mean as summed
from jaxdl.tasks._examples import ratio, weights, zeroed
from jaxdl.tasks.networks import Model, network
from jaxdl.types import Array, Batch, LossOfOutputs, Metrics, PyTree, Task


def supervised(
    model: Model,
    loss: Callable[[Array, Array], Array],
    metrics: Callable[[Array, Array, Array], Metrics] | None = None,
    penalty: Callable[[PyTree], Array] | None = None,
) -> Task:
    """Empirical risk minimization: the weighted mean of a per-example loss, plus a penalty.

    model: Linen module called as `model(x, train=...)`, whatever its argument is named among
        `linen.IN_TRAINING` (`deterministic` is the opposite), or as `model(x)` if it has none; or
        what `from_nnx`, `from_equinox` and `from_functions` make.
    loss: `(outputs, y) -> [B, ...]`; further axes are averaged.
    metrics: `(outputs, y, weights [B]) -> {name: (sum, weight)}`, reported beside the loss.
    penalty: `params -> scalar`, λR(θ); part of what is minimized, not of the reported `loss`.
    Batches are `{"x": [B, ...], "y": [B, ...], "mask": [B] (optional)}`. An example of weight 0 is
    harmless zeros in the model, but statistics that a model takes over the batch (batch norm's) do
    count it.
    """

    net = network(model)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return net.init(key, batch["x"])

    def given(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[PyTree, PyTree]:
        x = zeroed(batch["x"], weights(batch)) if "mask" in batch else batch["x"]
        return net.apply(params, model_state, x, key=key, train=train)

    def judge(outputs: PyTree, params: PyTree, batch: Batch) -> tuple[Array, Metrics]:
        example_weights = weights(batch)
        y = zeroed(batch["y"], example_weights) if "mask" in batch else batch["y"]
        values = loss(outputs, y).reshape(len(example_weights), -1).mean(axis=1)
        reported = {"loss": summed(values, example_weights)}
        mean = ratio(*reported["loss"])
        if metrics is not None:
            reported |= metrics(outputs, y, example_weights)
        return mean if penalty is None else mean + penalty(params), reported

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return net.apply(params, model_state, batch["x"], train=False)[0]

    return Task(init, LossOfOutputs(given, judge), predict)
