"""Training of one model: a pure step, and a streaming loop around it."""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl import keys, tasks
from jaxdl.data import batches
from jaxdl.params import paths, running_statistics
from jaxdl.tasks import statistics
from jaxdl.types import (
    Array,
    Batch,
    LossOfOutputs,
    Metrics,
    PyTree,
    Sums,
    Task,
    TrainState,
    ValueOfOutputs,
)

EvalParams = Callable[[PyTree, PyTree], PyTree]
Step = Callable[[Task, optax.GradientTransformation, TrainState, Batch], tuple[TrainState, Metrics]]


def init(task: Task, tx: optax.GradientTransformation, key: Array, batch: Batch) -> TrainState:
    """State before the first step; `batch` gives shapes and dtypes only. Pure."""
    init_key, key = jax.random.split(key)
    params, model_state = task.init(init_key, batch)
    return TrainState(jnp.zeros((), jnp.int32), key, params, model_state, tx.init(params))


def step(
    task: Task, tx: optax.GradientTransformation, state: TrainState, batch: Batch
) -> tuple[TrainState, Metrics]:
    """One update. Pure: jit it, vmap it, shard it, scan it.

    The transformation also receives `value`, `grad` and `value_fn`, so that optimizers with a
    line search or a Polyak step go through the same door; of a `LossOfOutputs` the last is a
    `ValueOfOutputs`, for Gauss–Newton. Metrics are those before the update.
    """
    task = tasks.trained(task, state.opt_state)
    key = jax.random.fold_in(state.key, state.step)

    value_fn = _value_fn(task, state, batch, key)
    (value, (model_state, metrics)), grad = jax.value_and_grad(task.loss, has_aux=True)(
        state.params, state.model_state, batch, key, train=True
    )
    return _updated(tx, state, model_state, value, grad, value_fn), metrics


def _value_fn(task: Task, state: TrainState, batch: Batch, key: Array) -> Callable[[PyTree], Array]:
    """The loss as a function of the parameters, in its two parts where the task says them."""
    loss = task.loss
    if not isinstance(loss, LossOfOutputs):
        return lambda params: loss(params, state.model_state, batch, key, train=True)[0]

    def outputs_fn(params: PyTree) -> tuple[PyTree, PyTree]:
        # With the parameters, of which penalties are: their curvature counts too.
        return loss.outputs(params, state.model_state, batch, key, train=True)[0], params

    return ValueOfOutputs(outputs_fn, lambda found: loss.judge(found[0], found[1], batch)[0])


def accumulated_step(
    task: Task, tx: optax.GradientTransformation, state: TrainState, batches: Batch
) -> tuple[TrainState, Metrics]:
    """As `step` on all examples of micro-batches `[K, B, ...]`, of which memory holds one. Pure.

    Exact for a loss that is a weighted mean over examples, tokens or labels, with penalties on
    parameters, however the weights are spread over the micro-batches: each counts by its share of
    the weight of `loss` among the metrics, and where a task has a `combine`, each of the means that
    this takes by the share of its own weight. The optimizer is called once, with the `value`,
    `grad` and `value_fn` of the whole. Gradients are summed in float32 at least. Each micro-batch
    draws from a key of its own; model state goes through them in order, so that streams go on from
    one to the next. What a loss takes over a batch otherwise, such as batch norm's statistics, is
    that of each micro-batch, as it is where devices normalize by themselves.
    """
    task = tasks.trained(task, state.opt_state)
    count = len(jax.tree.leaves(batches)[0])
    drawn = jax.random.split(jax.random.fold_in(state.key, state.step), count)
    part, shares = _parts(task, state, batches, drawn)
    xs = (batches, drawn, shares)

    def value_fn(params: PyTree) -> Array:
        def body(model_state: PyTree, x: tuple[Batch, Array, Array]) -> tuple[PyTree, Array]:
            value, (after, _) = jax.checkpoint(part)(params, model_state, *x)
            return jax.lax.stop_gradient(after), value

        return jax.lax.scan(body, state.model_state, xs)[1].sum()

    def body(
        carry: tuple[PyTree, PyTree], x: tuple[Batch, Array, Array]
    ) -> tuple[tuple[PyTree, PyTree], tuple[Array, Metrics]]:
        model_state, total = carry
        (value, (model_state, metrics)), grad = jax.value_and_grad(part, has_aux=True)(
            state.params, model_state, *x
        )
        return (model_state, jax.tree.map(jnp.add, total, grad)), (value, metrics)

    zeros = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, jnp.promote_types(leaf.dtype, jnp.float32)), state.params
    )
    (model_state, grad), (values, metrics) = jax.lax.scan(body, (state.model_state, zeros), xs)
    grad = jax.tree.map(lambda total, leaf: total.astype(leaf.dtype), grad, state.params)
    metrics = jax.tree.map(lambda sums: sums.sum(axis=0), metrics)
    return _updated(tx, state, model_state, values.sum(), grad, value_fn), metrics


def _parts(
    task: Task, state: TrainState, batches: Batch, drawn: Array
) -> tuple[Callable[..., tuple[Array, Any]], Array]:
    """What a micro-batch adds to the loss of all, given its share; and the shares, `[K]`."""

    def weigh(x: tuple[Batch, Array]) -> dict[str, Array]:
        # Weights hang on the batch alone: the compiler drops the model from this pass.
        metrics = task.loss(state.params, state.model_state, *x, train=True)[1][1]
        return {name: jnp.asarray(weight, jnp.float32) for name, (_, weight) in metrics.items()}

    weights = jax.lax.map(weigh, (batches, drawn))
    whole = {name: weight.sum() for name, weight in weights.items()}
    some = whole["loss"] > 0
    # Where nothing has a weight, what else there is in a loss (a penalty) counts once.
    shares = jnp.where(some, weights["loss"] / jnp.where(some, whole["loss"], 1), 1 / len(drawn))

    def part(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, share: Array
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        value, aux = task.loss(params, model_state, batch, key, train=True)
        if task.combine is None:
            return share * value, aux
        sums = {name: total for name, (total, _) in aux[1].items()}
        own = {name: weight for name, (_, weight) in aux[1].items()}
        means, of_whole = (_over(sums, weights) for weights in (own, whole))
        return share * (value - task.combine(means)) + task.combine(of_whole), aux

    return part, shares


def _over(sums: dict[str, Array], weights: dict[str, Array]) -> dict[str, Array]:
    return {name: sums[name] / jnp.where(weights[name] > 0, weights[name], 1) for name in sums}


def _updated(
    tx: optax.GradientTransformation,
    state: TrainState,
    model_state: PyTree,
    value: Array,
    grad: PyTree,
    value_fn: Callable[[PyTree], Array],
) -> TrainState:
    updates, opt_state = optax.with_extra_args_support(tx).update(
        grad, state.opt_state, state.params, value=value, grad=grad, value_fn=value_fn
    )
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, state.key, params, model_state, opt_state)


def measure(task: Task, state: TrainState, batch: Batch, key: Array | None = None) -> Metrics:
    """Metrics `{name: (sum, weight)}` of one batch, with the model as used after training. Pure.

    key: of what is drawn in an evaluation (a corruption, an attack); default: that of the state's
    `evaluation_keys` for a single batch. Batches that are added up should each have its own.
    """
    key = evaluation_keys(state, 1)[0] if key is None else key
    return task.loss(state.params, state.model_state, batch, key, train=False)[1][1]


def evaluation_keys(state: TrainState, count: int, split: str = "") -> Array:
    """Keys `[count]` for the batches of an evaluation, the same at every step of a run. Pure."""
    return jax.random.split(keys.named(state.key, f"evaluation {split}"), count)


def mean(metrics: Metrics) -> dict[str, Array]:
    """`{name: sum / weight}`, or what its `Sums` end in: what a reader wants. Pure."""
    return {
        name: pair.end(*pair) if isinstance(pair, Sums) else pair[0] / pair[1]
        for name, pair in metrics.items()
    }


def evaluate(
    task: Task,
    state: TrainState,
    batches: Iterable[Batch],
    eval_params: EvalParams | None = None,
) -> dict[str, float]:
    """Mean of each metric over all batches, whatever their sizes and masks.

    eval_params: `(opt_state, params) -> params` of an optimizer that is evaluated elsewhere than it
    steps (`optax.contrib.schedule_free_eval_params`). Warns where the model has running statistics,
    which are of other parameters then: `reestimate` first, and evaluate what it gives.
    Raises ValueError if there is no batch.
    """
    if eval_params is not None:
        warn_of_statistics(state)
        state = state._replace(params=eval_params(state.opt_state, state.params))
    key = keys.named(state.key, "evaluation ")
    total: Metrics | None = None
    for number, batch in enumerate(batches):
        metrics = _compiled_measure(task)(state, batch, jax.random.fold_in(key, number))
        total = metrics if total is None else jax.tree.map(jnp.add, total, metrics)
    if total is None:
        raise ValueError("evaluate: `batches` is empty")
    return {name: float(value) for name, value in mean(total).items()}


def reestimate(
    task: Task,
    state: TrainState,
    batches: Iterable[Batch],
    eval_params: EvalParams | None = None,
) -> TrainState:
    """The state at the parameters of evaluation, with batch norm's statistics of these parameters.

    Averaged weights never trained: the running statistics beside them are of the weights that were
    averaged (Izmailov et al. 2018, section 3.2). Here they become the mean, over training batches
    weighed by their examples, of each batch's own; dropout draws as in training. Evaluate the
    result without `eval_params`; it is not made to be trained on.
    Raises ValueError for no batch, or a model of which no module keeps running statistics.
    """
    if eval_params is not None:
        state = state._replace(params=eval_params(state.opt_state, state.params))
    key = keys.named(state.key, "statistics")
    total: tuple[dict[str, Array], Array] | None = None
    for number, batch in enumerate(batches):
        moved = _compiled_statistics(task)(state, batch, jax.random.fold_in(key, number))
        total = moved if total is None else jax.tree.map(jnp.add, total, moved)
    if total is None:
        raise ValueError("reestimate: `batches` is empty")
    return with_statistics(state, *total)


def batch_statistics(
    task: Task, state: TrainState, batch: Batch, key: Array
) -> tuple[dict[str, Array], Array]:
    """How far a batch's statistics are from the running ones, times its weight; the weight. Pure.

    The first by path. Sums over batches are what `with_statistics` takes. Raises ValueError as
    `reestimate` does.
    """
    task = tasks.trained(task, state.opt_state)
    with statistics.of_the_batch() as modules:
        _, (after, metrics) = task.loss(state.params, state.model_state, batch, key, train=True)
    before, weight = running_statistics(state.model_state), metrics["loss"][1]
    if not before:
        raise ValueError("the model keeps no running statistics that could be estimated")
    if missed := {path for path in before if not _is_of(path, modules)}:
        raise ValueError(f"no field `momentum` says how {sorted(missed)} move with a batch")
    return {
        path: weight * (running_statistics(after)[path] - old) for path, old in before.items()
    }, weight


def with_statistics(state: TrainState, moved: dict[str, Array], weight: Array) -> TrainState:
    """The state with running statistics moved by sums of `batch_statistics`. Pure."""
    structure = jax.tree.structure(state.model_state)
    leaves = zip(paths(state.model_state), jax.tree.leaves(state.model_state), strict=True)
    moved_leaves = [
        leaf + (moved[path] / weight).astype(leaf.dtype) if path in moved else leaf
        for path, leaf in leaves
    ]
    return state._replace(model_state=jax.tree.unflatten(structure, moved_leaves))


def warn_of_statistics(state: TrainState) -> None:
    """Warns that parameters of evaluation meet running statistics of others."""
    if running_statistics(state.model_state):
        warnings.warn(
            "evaluated with `eval_params` beside batch norm's running statistics of other "
            "parameters: train.reestimate, or make_run(reestimate=...), estimates them anew",
            stacklevel=3,
        )


def _is_of(path: str, modules: set[str]) -> bool:
    # A task of several models calls each by its own paths.
    return any(f"/{statistics.module_of(path)}".endswith(f"/{module}") for module in modules)


def fit(
    task: Task,
    tx: optax.GradientTransformation,
    state: TrainState,
    batches: Iterable[Batch],
    step: Step = step,
) -> Iterator[tuple[TrainState, dict[str, Array]]]:
    """Trains on a stream of batches, yielding the state and the mean metrics after each step.

    step: `accumulated_step` where each of `batches` is micro-batches `[K, B, ...]`.
    Metrics stay on the device until read, so a loop that does not log does not wait.
    """
    compiled = _compiled_step(task, tx, step)
    for batch in batches:
        state, metrics = compiled(state, batch)
        yield state, metrics


@functools.lru_cache(maxsize=32)
def _compiled_step(task: Task, tx: optax.GradientTransformation, step: Step) -> Callable[..., Any]:
    def step_and_mean(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, Array]]:
        state, metrics = step(task, tx, state, batch)
        return state, mean(metrics)

    return jax.jit(step_and_mean)


@functools.lru_cache(maxsize=32)
def _compiled_measure(task: Task) -> Callable[..., Metrics]:
    return jax.jit(functools.partial(measure, task))


@functools.lru_cache(maxsize=32)
def _compiled_statistics(task: Task) -> Callable[..., Any]:
    return jax.jit(functools.partial(batch_statistics, task))


def fit_scan(
    task: Task,
    tx: optax.GradientTransformation,
    key: Array,
    arrays: Batch,
    *,
    steps: int,
    batch_size: int,
    params: PyTree | None = None,
) -> TrainState:
    """One network, trained from `key` on arrays `[N, ...]` by a single scan. Pure.

    params: to begin with; None: the task's own.

    A `mask: [N]` holds the sample weights. A task weighs within a batch, so that weights compare
    examples of different batches only where `batch_size` is N.
    """
    first = {name: array[:batch_size] for name, array in arrays.items()}
    state = init(task, tx, key, first)
    if params is not None:
        state = state._replace(params=params, opt_state=tx.init(params))
    examples = len(jax.tree.leaves(arrays)[0])
    order = batches.shuffled_indices(batches.order_key(state.key), examples, batch_size, 0, steps)

    def body(state: TrainState, rows: Array) -> tuple[TrainState, None]:
        return step(task, tx, state, batches.take(arrays, rows))[0], None

    return jax.lax.scan(body, state, order)[0]
