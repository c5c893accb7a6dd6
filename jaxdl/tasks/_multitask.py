"""Several tasks on one input: the weighted sum of their losses. Caruana 1997."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.metrics import mean as summed
from jaxdl.tasks._examples import ratio, weights, zeroed
from jaxdl.tasks.networks import Model, network
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


class Objective(NamedTuple):
    """What a head is trained for.

    loss: `(outputs, y) -> [B, ...]`; further axes are averaged
    weight: λ ≥ 0, may be traced
    metrics: `(outputs, y, weights [B]) -> {name: (sum, weight)}`
    """

    loss: Callable[[Array, Array], Array]
    weight: ArrayLike = 1.0
    metrics: Callable[[Array, Array, Array], Metrics] | None = None


def multitask(model: Model, objectives: Mapping[str, Objective]) -> Task:
    """Minimizes Σ_h λ_h · (mean loss of head h over the examples that have its label).

    model: `model(x, train=...) -> {head: outputs}`, with a head for each objective.
    Batches are `{"x": [B, ...], "y_HEAD": [B, ...] for each, "mask_HEAD": [B] (optional), "mask":
    [B] (optional)}`: 0 in `mask_HEAD` is a label that is missing, which may hold anything, 0 in
    `mask` an example that is padding. A batch without a label for a head does not train it.
    Reports `loss`, weighted by the whole batch, and for each head `HEAD_loss` and its metrics as
    `HEAD_NAME`, weighted by its labels; `loss` of several batches is their mean, not that of their
    union, where labels are missing.
    """

    net = network(model)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return net.init(key, batch["x"])

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        examples = weights(batch)
        x = zeroed(batch["x"], examples)
        outputs, model_state = net.apply(params, model_state, x, key=key, train=train)
        reported = {}
        for head, (loss, _, metrics) in objectives.items():
            labelled = examples * batch.get(f"mask_{head}", 1)
            y = zeroed(batch[f"y_{head}"], labelled)
            values = loss(outputs[head], y).reshape(len(labelled), -1).mean(axis=1)
            reported[f"{head}_loss"] = summed(values, labelled)
            measured = {} if metrics is None else metrics(outputs[head], y, labelled)
            reported |= {f"{head}_{name}": pair for name, pair in measured.items()}
        total = combine({name: ratio(*pair) for name, pair in reported.items()})
        reported["loss"] = (total * examples.sum(), examples.sum())
        return total, (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Mapping[str, Array]:
        return net.apply(params, model_state, batch["x"], train=False)[0]

    def combine(means: Mapping[str, Array]) -> Array:
        total = jnp.zeros(())
        for head, of in objectives.items():
            total += of.weight * means[f"{head}_loss"]
        return total

    return Task(init, objective, predict, combine)
