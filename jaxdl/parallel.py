"""The one training step, spread over lanes (`vmap`) or devices (a Mesh, or `pmap`)."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
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
    metrics carry a leading axis [devices] of equal entries; model state of each example, such as a
    carry, is that of all devices' examples. Results are those of the plain step on the examples of
    all devices, up to the order of summation: like `pmap` itself this is a `jit` of a `shard_map`,
    but the loss sees one batch, so that denominators, statistics of a batch and random masks are
    the whole one's. Raises ValueError for another number of devices, or where several processes
    run, which `data_parallel` spans. That is the form to prefer.
    """
    if jax.process_count() > 1:
        raise ValueError("pmapped runs in one process: data_parallel spans several")
    mesh = Mesh(np.array(jax.local_devices()), ("data",))
    split, everywhere = PartitionSpec("data"), PartitionSpec()
    shard = functools.partial(jax.shard_map, mesh=mesh, check_vma=False)
    # Of equal entries each device takes its own, and gives its own: nothing is sent.
    one = shard(
        lambda tree: jax.tree.map(lambda leaf: leaf[0], tree), in_specs=split, out_specs=everywhere
    )
    copies = shard(
        lambda tree: jax.tree.map(lambda leaf: leaf[None], tree),
        in_specs=everywhere,
        out_specs=split,
    )

    def whole(batch: Batch) -> Batch:
        for name, array in batch.items():
            if len(array) != mesh.size:
                raise ValueError(f"{name} is of {len(array)} devices, and there are {mesh.size}")
        merged = {name: array.reshape(-1, *array.shape[2:]) for name, array in batch.items()}
        return jax.lax.with_sharding_constraint(merged, NamedSharding(mesh, split))

    def init(key: Array, batch: Batch) -> TrainState:
        return copies(train.init(task, tx, key, whole(batch)))

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        return copies(train.step(task, tx, one(state), whole(batch)))

    held = NamedSharding(mesh, split)
    return Parallel(
        jax.jit(init, out_shardings=held),
        jax.jit(step, in_shardings=held, out_shardings=held),
    )
