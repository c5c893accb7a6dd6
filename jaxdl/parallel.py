"""The one training step, spread over lanes (`vmap`) or devices (a Mesh, or `pmap`).

Where a Mesh has the devices of several processes, each runs the same program on the same host
arrays; `jaxdl.distributed` is how they begin and stop together. Each device holds a part of the
state if the layout is `sharded`, as in ZeRO (Rajbhandari et al. 2020,
https://arxiv.org/abs/1910.02054, stage 3) and FSDP (Zhao et al. 2023,
https://arxiv.org/abs/2304.11277).
"""

import functools
import math
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


Layout = Callable[[tuple[int, ...], Mesh], PartitionSpec]
"""`(shape, mesh) -> spec`: how an array of the state lies on the devices."""
SMALL = 4096
"""Numbers up to which an array is not worth the messages that would gather it."""


def replicated(shape: tuple[int, ...], mesh: Mesh) -> PartitionSpec:
    """All of an array on every device."""
    del shape, mesh
    return PartitionSpec()


def sharded(shape: tuple[int, ...], mesh: Mesh) -> PartitionSpec:
    """The longest axis that the devices of the mesh's last axis divide, split over these.

    Of axes of one length the first; an array without such an axis, or one of at most `SMALL`
    numbers, is on every device.
    """
    name = mesh.axis_names[-1]
    divided = [axis for axis, length in enumerate(shape) if length % mesh.shape[name] == 0]
    if math.prod(shape) <= SMALL or not divided:
        return PartitionSpec()
    longest = max(divided, key=lambda axis: shape[axis])
    return PartitionSpec(*[None] * longest, name)


def data_parallel(
    task: Task,
    tx: optax.GradientTransformation,
    mesh: Mesh,
    layout: Layout = replicated,
    *,
    accumulated: bool = False,
) -> Parallel:
    """One run over a Mesh: batches are split over all its devices, the state lies as `layout` says.

    init: `(key, batch)`; step: `(state, batch)`, B divisible by the number of devices. A batch is
    the whole one, the same host arrays in every process, of which each device is sent its part; or
    it has been put on the mesh already, as `split_over` says.
    accumulated: take `train.accumulated_step`, of micro-batches `[K, B, ...]`.

    The compiler inserts the collectives, so results are those of the plain step up to the order of
    summation, batch norm's statistics and dropout among them. With `sharded`, parameters, optimizer
    state and summed gradients are a part on each device; all of the parameters meet only while a
    loss is computed. On a Mesh of two axes the state is split over the second and repeated over
    the first: the devices of a host, say, and hosts.
    """
    batches = split_over(mesh, accumulated=accumulated)
    everywhere = NamedSharding(mesh, PartitionSpec())
    one_step = train.accumulated_step if accumulated else train.step

    def lying(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: NamedSharding(mesh, layout(leaf.shape, mesh)), tree)

    def constrained(tree: PyTree) -> PyTree:
        return jax.lax.with_sharding_constraint(tree, lying(tree))

    @jax.custom_vjp
    def whole(params: PyTree) -> PyTree:
        return jax.lax.with_sharding_constraint(params, everywhere)

    # What was gathered is scattered again: no device sums the gradients of all parameters.
    whole.defvjp(lambda params: (whole(params), None), lambda _, grads: (constrained(grads),))

    def loss(params: PyTree, *args: Any, **kwargs: Any) -> Any:
        return task.loss(whole(params), *args, **kwargs)

    held = task if layout is replicated else task._replace(loss=loss)

    def init(key: Array, batch: Batch) -> TrainState:
        build = functools.partial(train.init, task, tx)
        shardings = lying(jax.eval_shape(build, key, batch))
        return jax.jit(build, out_shardings=shardings)(key, batch)

    @functools.partial(jax.jit, in_shardings=(None, batches))
    def on_mesh(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        state, metrics = one_step(held, tx, state, batch)
        return constrained(state), jax.lax.with_sharding_constraint(metrics, everywhere)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        if mesh.is_multi_process:
            batch = jax.tree.map(functools.partial(_placed, batches), batch)
        return on_mesh(state, batch)

    return Parallel(init, step)


def split_over(mesh: Mesh, *, accumulated: bool = False) -> NamedSharding:
    """How `data_parallel` splits the rows of a batch, over all axes of the mesh.

    A process that reads its own rows only makes arrays of all processes of them by
    `jax.make_array_from_process_local_data(split_over(mesh), rows)`.
    """
    return NamedSharding(mesh, PartitionSpec(*[None] * accumulated, mesh.axis_names))


def _placed(sharding: NamedSharding, array: Any) -> Array:
    """A host array that all processes hold, as one array of all their devices."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        return array
    array = np.asarray(array)
    return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)


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
