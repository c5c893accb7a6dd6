"""The one training step, spread over lanes (`vmap`) or devices (a Mesh, or `pmap`)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdl import train
from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState

Build = Callable[[Any], tuple[Task, optax.GradientTransformation]]


class Parallel(NamedTuple):
    """`init(...) -> TrainState` and `step(...) -> (TrainState, metrics)`, both compiled."""

    init: Callable[..., TrainState]
    step: Callable[..., tuple[TrainState, Metrics]]


def lanes(build: Build) -> Parallel:
    """Independent runs side by side: every array gains a leading axis [L], except the batch.

    build: `hparams -> (task, tx)`, called with one lane's traced hparams.
    init: `(hparams [L], keys [L], batch)`; step: `(hparams [L], state [L], batch)`.
    """

    def init(hparams: PyTree, key: Array, batch: Batch) -> TrainState:
        return train.init(*build(hparams), key, batch)

    def step(hparams: PyTree, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        return train.step(*build(hparams), state, batch)

    return Parallel(
        jax.jit(jax.vmap(init, in_axes=(0, 0, None))),
        jax.jit(jax.vmap(step, in_axes=(0, 0, None))),
    )


def data_parallel(task: Task, tx: optax.GradientTransformation, mesh: Mesh) -> Parallel:
    """One run over a Mesh with an axis "data": batches are split, the state is on every device.

    init: `(key, batch)`; step: `(state, batch)`, B divisible by the number of devices. The compiler
    inserts the collectives, so results are those of the plain step up to the order of summation.
    """
    everywhere = NamedSharding(mesh, PartitionSpec())
    split = NamedSharding(mesh, PartitionSpec("data"))

    def init(key: Array, batch: Batch) -> TrainState:
        return train.init(task, tx, key, batch)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        return train.step(task, tx, state, batch)

    return Parallel(
        jax.jit(init, out_shardings=everywhere),
        jax.jit(step, in_shardings=(everywhere, split), out_shardings=everywhere),
    )


def pmapped(task: Task, tx: optax.GradientTransformation) -> Parallel:
    """The data-parallel step as a `pmap`, for code that already holds `[devices, B, ...]` arrays.

    init: `(key, batch [devices, B, ...])`, the same key for all; step: `(state, batch)`. State and
    metrics carry a leading axis [devices] of equal entries. Random masks differ from the plain
    step's: each device draws its own. Optimizers must use the gradient alone: a line search would
    see the loss of one device. `data_parallel` is the form to prefer.
    """
    shared = optax.chain(_mean_over_devices(), tx)

    def init(key: Array, batch: Batch) -> TrainState:
        return train.init(task, shared, key, batch)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        state, metrics = train.step(_share_of_global_mean(task), shared, state, batch)
        model_state = jax.tree.map(_mean_of_floats, state.model_state)
        return state._replace(model_state=model_state), jax.lax.psum(metrics, "data")

    return Parallel(
        jax.pmap(init, axis_name="data", in_axes=(None, 0)),
        jax.pmap(step, axis_name="data"),
    )


def _mean_of_floats(leaf: Array) -> Array:
    return jax.lax.pmean(leaf, "data") if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def _mean_over_devices() -> optax.GradientTransformation:
    return optax.stateless(lambda updates, params: jax.lax.pmean(updates, "data"))


def _share_of_global_mean(task: Task) -> Task:
    """Scales a device's loss so that the mean over devices is the mean over all examples.

    Without it a device whose examples are mostly masked would count as much as a full one.
    """

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        key = jax.random.fold_in(key, jax.lax.axis_index("data"))
        value, (model_state, metrics) = task.loss(params, model_state, batch, key, train=train)
        weight = jax.lax.stop_gradient(metrics["loss"][1])
        mean_weight = jax.lax.pmean(weight, "data")
        share = jnp.where(mean_weight > 0, weight / mean_weight, 0)
        return value * share, (model_state, metrics)

    return task._replace(loss=loss)
