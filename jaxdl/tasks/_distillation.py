"""Knowledge distillation: a small model learns what a large one says. Hinton, Vinyals & Dean 2015,
https://arxiv.org/abs/1503.02531; hidden layers too: Romero et al. 2015, https://arxiv.org/abs/1412.6550
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl import losses, metrics
from jaxdl.tasks import linen
from jaxdl.tasks._examples import examples, ratio
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

LOGITS, HIDDEN, VARIABLES, PROJECTIONS = "teacher", "teacher_hidden", "teacher", "projections"


class Teacher(NamedTuple):
    """A trained model `model(x, train=...) -> logits [B, K]` with its variables."""

    model: nn.Module
    params: PyTree
    model_state: Mapping[str, Any] = MappingProxyType({})


def distillation(
    student: nn.Module,
    temperature: ArrayLike,
    alpha: ArrayLike,
    *,
    matched: Mapping[str, str] = MappingProxyType({}),
    distance_weight: ArrayLike = 1.0,
) -> Task:
    """The mean of `losses.distillation`, plus the distances of hidden outputs.

    student: `model(x, train=...) -> logits [B, K]`.
    temperature, alpha: τ and α of the loss; may be traced. With α = 0 it learns from labels alone.
    matched: submodules of the student by path, `encoder/Dense_0` say, and for each the teacher's
        whose output it is to match; between both a dense layer is learned, whose parameters are
        `projections` among the student's. Mean squared differences, times `distance_weight`.
    Batches are `{"x": [B, ...], "y": [B], "teacher": logits [B, K], "teacher_hidden": {path: [B,
    ..., D]} where there is something to match, "mask": [B] (optional)}`: kept with the data, or
    added by `taught`. Reports `loss`, the mean of all that, `accuracy`, and `agreement`, with the
    teacher's likeliest class. Only training and evaluation need the teacher, `predict` does not.
    ValueError for a path where nothing, or more than one output, is.
    """
    capture = _at(matched)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        params, model_state = linen.init(student, key, batch["x"])
        if not matched:
            return params, model_state
        ours = jax.eval_shape(lambda x: forward(params, model_state, x, None, False)[1], batch["x"])
        keys = jax.random.split(key, len(matched))
        projections = {
            own: _projection(batch[HIDDEN][other]).init(k, jnp.zeros(ours[own].shape))["params"]
            for k, (own, other) in zip(keys, matched.items(), strict=True)
        }
        return {**params, PROJECTIONS: projections}, model_state

    def forward(
        params: PyTree, model_state: PyTree, x: Array, key: Array | None, train: bool
    ) -> tuple[Array, dict[str, Array], PyTree]:
        own = {name: leaf for name, leaf in params.items() if name != PROJECTIONS}
        logits, after = linen.apply(
            student, own, model_state, x, key=key, train=train, capture=capture
        )
        return logits, *_taken(after, matched)

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        x, weights = examples(batch)
        logits, hidden, model_state = forward(params, model_state, x, key, train)
        values = losses.distillation(logits, batch[LOGITS], batch["y"], temperature, alpha)
        for own, other in matched.items():
            apart = _distance(params[PROJECTIONS][own], hidden[own], batch[HIDDEN][other])
            values += distance_weight * apart
        reported = {
            "loss": metrics.mean(values, weights),
            "accuracy": metrics.accuracy(logits, batch["y"], weights),
            "agreement": metrics.accuracy(logits, metrics.likeliest(batch[LOGITS]), weights),
        }
        return ratio(*reported["loss"]), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return forward(params, model_state, batch["x"], None, False)[0]

    return Task(init, objective, predict)


def taught(task: Task, teacher: Teacher, hidden: Collection[str] = ()) -> Task:
    """The task on batches to which a teacher adds `teacher`, its logits, as after its training.

    hidden: paths of its submodules, whose outputs it adds as `teacher_hidden`.
    Its variables are model state of the task, `teacher`, which no step changes. Where a teacher
    always sees the same x, its logits are better kept with the data. ValueError as `distillation`.
    """
    capture = _at(hidden)

    def shown(variables: PyTree, batch: Batch) -> Batch:
        params, model_state = variables["params"], variables["model_state"]
        logits, after = linen.apply(
            teacher.model, params, model_state, batch["x"], train=False, capture=capture
        )
        said = {LOGITS: logits, HIDDEN: _taken(after, hidden)[0]}
        return {**batch, **jax.lax.stop_gradient(said)}

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        variables = {"params": teacher.params, "model_state": dict(teacher.model_state)}
        params, model_state = task.init(key, shown(variables, batch))
        return params, {**model_state, VARIABLES: variables}

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        own, variables = _apart(model_state)
        batch = shown(variables, batch)
        value, (own, reported) = task.loss(params, own, batch, key, train=train)
        return value, ({**own, VARIABLES: variables}, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> PyTree:
        return task.predict(params, _apart(model_state)[0], batch)

    return task._replace(init=init, loss=loss, predict=predict)


def _apart(model_state: PyTree) -> tuple[PyTree, PyTree]:
    """The student's model state and the teacher's variables."""
    own = {name: leaf for name, leaf in model_state.items() if name != VARIABLES}
    return own, model_state[VARIABLES]


def _projection(wanted: Array) -> nn.Dense:
    return nn.Dense(wanted.shape[-1])


def _distance(projection: PyTree, ours: Array, theirs: Array) -> Array:
    """The mean squared difference of each example, `[B]`."""
    wanted = jax.lax.stop_gradient(theirs)
    projected: PyTree = _projection(wanted).apply({"params": projection}, ours)
    return losses.squared_error(projected, wanted).reshape(len(wanted), -1).mean(axis=1)


def _at(paths: Collection[str]) -> Callable[[nn.Module, str], bool] | None:
    """Which outputs to keep: those of calls of the modules at these paths."""
    if not paths:
        return None
    return lambda module, method: method == "__call__" and "/".join(module.path) in paths


def _taken(model_state: PyTree, paths: Collection[str]) -> tuple[dict[str, Array], PyTree]:
    """The outputs at the paths, and the model state without them."""
    rest = {name: leaf for name, leaf in model_state.items() if name != linen.INTERMEDIATES}
    found = {}
    for path in paths:
        node: Any = model_state.get(linen.INTERMEDIATES, {})
        for name in (*path.split("/"), "__call__"):
            node = node.get(name, {}) if isinstance(node, Mapping) else {}
        if len(node) != 1:
            raise ValueError(f"the module at {path!r} is called {len(node)} times; once is needed")
        (found[path],) = node
    return found, rest
