"""The one training step, spread over lanes (`vmap`) or devices (a Mesh, or `pmap`).

Where a Mesh has the devices of several processes, each runs the same program on the same host
arrays; `jaxdl.distributed` is how they begin and stop together. With the layout `sharded` each
device holds a part of the state, after ZeRO (Rajbhandari et al. 2020,
https://arxiv.org/abs/1910.02054).
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

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


Layout = Callable[[tuple[int, ...], Mesh], P]
"""`(shape, mesh) -> spec`: how an array of the state lies on the devices."""
SMALL = 4096
"""Numbers up to which an array is not worth the messages that would gather it."""


def replicated(shape: tuple[int, ...], mesh: Mesh) -> P:
    """All of an array on every device."""
    del shape, mesh
    return P()


def sharded(shape: tuple[int, ...], mesh: Mesh) -> P:
    """The longest axis that the devices of the mesh's last axis divide, split over these.

    Of axes of one length the first; an array without such an axis, or one of at most `SMALL`
    numbers, is on every device.
    """
    name = mesh.axis_names[-1]
    divided = [axis for axis, length in enumerate(shape) if length % mesh.shape[name] == 0]
    if math.prod(shape) <= SMALL or not divided:
        return P()
    longest = max(divided, key=lambda axis: shape[axis])
    return P(*[None] * longest, name)


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
    it has been put on the mesh already, as `split_over` says. The step is `step_over`.
    """
    batches = split_over(mesh, accumulated=accumulated)
    one_step = functools.partial(step_over(mesh, layout, accumulated=accumulated), task, tx)
    compiled = jax.jit(one_step, in_shardings=(None, batches))

    def init(key: Array, batch: Batch) -> TrainState:
        build = functools.partial(train.init, task, tx)
        shardings = _lying(jax.eval_shape(build, key, batch), mesh, layout)
        return jax.jit(build, out_shardings=shardings)(key, batch)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        if mesh.is_multi_process:
            batch = jax.tree.map(functools.partial(_placed, batches), batch)
        return compiled(state, batch)

    return Parallel(init, step)


def step_over(mesh: Mesh, layout: Layout = replicated, *, accumulated: bool = False) -> train.Step:
    """`train.step` over a Mesh, for what takes a step, such as `train.fit`. Pure; to be compiled.

    accumulated: `train.accumulated_step`, of micro-batches `[K, B, ...]`, instead.

    The compiler inserts the collectives, so results are those of the plain step up to the order of
    summation, batch norm's statistics and dropout among them. With `sharded`, parameters, optimizer
    state and summed gradients are a part on each device; all of the parameters are there only while
    a loss and its gradient are computed. On a Mesh of two axes the state is split over the second
    and repeated over the first: the devices of a host, say, and hosts.
    """
    constrain = jax.lax.with_sharding_constraint
    batches, everywhere = split_over(mesh, accumulated=accumulated), NamedSharding(mesh, P())
    plain = train.accumulated_step if accumulated else train.step

    @jax.custom_vjp
    def whole(params: PyTree) -> PyTree:
        return constrain(params, everywhere)

    def scattered(_: None, grads: PyTree) -> tuple[PyTree]:
        # As the parameters lie: no device sums the gradients of all of them.
        return (constrain(grads, _lying(grads, mesh, layout)),)

    whole.defvjp(lambda params: (whole(params), None), scattered)

    def step(
        task: Task, tx: optax.GradientTransformation, state: TrainState, batch: Batch
    ) -> tuple[TrainState, Metrics]:
        def loss(params: PyTree, *args: Any, **kwargs: Any) -> Any:
            return task.loss(whole(params), *args, **kwargs)

        held = task if layout is replicated else task._replace(loss=loss)
        state, metrics = plain(held, tx, state, constrain(batch, batches))
        return constrain(state, _lying(state, mesh, layout)), constrain(metrics, everywhere)

    return step


def _lying(tree: PyTree, mesh: Mesh, layout: Layout) -> PyTree:
    return jax.tree.map(lambda leaf: NamedSharding(mesh, layout(leaf.shape, mesh)), tree)


def split_over(mesh: Mesh, *, accumulated: bool = False) -> NamedSharding:
    """How `data_parallel` splits the rows of a batch, over all axes of the mesh.

    A process that reads its own rows only makes arrays of all processes of them by
    `jax.make_array_from_process_local_data(split_over(mesh), rows)`.
    """
    return NamedSharding(mesh, P(*[None] * accumulated, mesh.axis_names))


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
    split, everywhere = P("data"), P()
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
