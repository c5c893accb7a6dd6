"""Training of one model: a pure step, and a streaming loop around it."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState

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
    line search or a Polyak step go through the same door. Metrics are those before the update.
    """
    key = jax.random.fold_in(state.key, state.step)

    def value_fn(params: PyTree) -> Array:
        return task.loss(params, state.model_state, batch, key, train=True)[0]

    (value, (model_state, metrics)), grad = jax.value_and_grad(task.loss, has_aux=True)(
        state.params, state.model_state, batch, key, train=True
    )
    return _updated(tx, state, model_state, value, grad, value_fn), metrics


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
    count = len(jax.tree.leaves(batches)[0])
    keys = jax.random.split(jax.random.fold_in(state.key, state.step), count)
    part, shares = _parts(task, state, batches, keys)
    xs = (batches, keys, shares)

    def value_fn(params: PyTree) -> Array:
        def body(model_state: PyTree, x: Any) -> tuple[PyTree, Array]:
            value, (after, _) = jax.checkpoint(part)(params, model_state, *x)
            return jax.lax.stop_gradient(after), value

        return jax.lax.scan(body, state.model_state, xs)[1].sum()

    def body(carry: Any, x: Any) -> tuple[Any, Any]:
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
    task: Task, state: TrainState, batches: Batch, keys: Array
) -> tuple[Callable[..., tuple[Array, Any]], Array]:
    """What a micro-batch adds to the loss of all, given its share; and the shares, `[K]`."""

    def weigh(x: tuple[Batch, Array]) -> dict[str, Array]:
        # Weights hang on the batch alone: the compiler drops the model from this pass.
        metrics = task.loss(state.params, state.model_state, *x, train=True)[1][1]
        return {name: jnp.asarray(weight, jnp.float32) for name, (_, weight) in metrics.items()}

    weights = jax.lax.map(weigh, (batches, keys))
    whole = {name: weight.sum() for name, weight in weights.items()}
    some = whole["loss"] > 0
    # Where nothing has a weight, what else there is in a loss (a penalty) counts once.
    shares = jnp.where(some, weights["loss"] / jnp.where(some, whole["loss"], 1), 1 / len(keys))

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


def measure(task: Task, state: TrainState, batch: Batch) -> Metrics:
    """Metrics `{name: (sum, weight)}` of one batch, with the model as used after training. Pure."""
    return task.loss(state.params, state.model_state, batch, state.key, train=False)[1][1]


def mean(metrics: Metrics) -> dict[str, Array]:
    """`{name: sum / weight}`: what a reader wants. Pure."""
    return {name: total / weight for name, (total, weight) in metrics.items()}


def evaluate(
    task: Task,
    state: TrainState,
    batches: Iterable[Batch],
    eval_params: EvalParams | None = None,
) -> dict[str, float]:
    """Mean of each metric over all batches, whatever their sizes and masks.

    eval_params: `(opt_state, params) -> params` of an optimizer that is evaluated elsewhere than it
    steps (`optax.contrib.schedule_free_eval_params`).
    Raises ValueError if there is no batch.
    """
    if eval_params is not None:
        state = state._replace(params=eval_params(state.opt_state, state.params))
    total: Any = None
    for batch in batches:
        metrics = _compiled_measure(task)(state, batch)
        total = metrics if total is None else jax.tree.map(jnp.add, total, metrics)
    if total is None:
        raise ValueError("evaluate: `batches` is empty")
    return {name: float(value) for name, value in mean(total).items()}


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
