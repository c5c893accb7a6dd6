"""Training of one model: a pure step, and a streaming loop around it."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState

EvalParams = Callable[[PyTree, PyTree], PyTree]


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
    updates, opt_state = optax.with_extra_args_support(tx).update(
        grad, state.opt_state, state.params, value=value, grad=grad, value_fn=value_fn
    )
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, state.key, params, model_state, opt_state), metrics


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
    task: Task, tx: optax.GradientTransformation, state: TrainState, batches: Iterable[Batch]
) -> Iterator[tuple[TrainState, dict[str, Array]]]:
    """Trains on a stream of batches, yielding the state and the mean metrics after each step.

    Metrics stay on the device until read, so a loop that does not log does not wait.
    """
    compiled = _compiled_step(task, tx)
    for batch in batches:
        state, metrics = compiled(state, batch)
        yield state, metrics


@functools.lru_cache(maxsize=32)
def _compiled_step(task: Task, tx: optax.GradientTransformation) -> Callable[..., Any]:
    def step_and_mean(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, Array]]:
        state, metrics = step(task, tx, state, batch)
        return state, mean(metrics)

    return jax.jit(step_and_mean)


@functools.lru_cache(maxsize=32)
def _compiled_measure(task: Task) -> Callable[..., Metrics]:
    return jax.jit(functools.partial(measure, task))
