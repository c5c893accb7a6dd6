"""The one training step, spread over lanes (`vmap`) or devices (a Mesh, or `pmap`).

Where a Mesh has the devices of several processes, each runs the same program on the same host
arrays; `jaxdl.distributed` is how they begin and stop together. With the layout `sharded` each
device holds a part of the state, after ZeRO (Rajbhandari et al. 2020,
https://arxiv.org/abs/1910.02054).
"""

import dataclasses
import functools
import itertools
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


@dataclasses.dataclass(frozen=True)
class StepOver:
    """`train.step` over a Mesh, for what takes a step: `streaming.fit`, `train.fit`. Pure.

    layout: how the state lies. accumulated: `train.accumulated_step`, of micro-batches
    `[K, B, ...]`, instead.

    The compiler inserts the collectives, so results are those of the plain step up to the order of
    summation, batch norm's statistics and dropout among them. With `sharded`, parameters, optimizer
    state and summed gradients are a part on each device; all of the parameters are there only while
    a loss and its gradient are computed. On a Mesh of two axes the state is split over the second
    and repeated over the first: the devices of a host, say, and hosts.
    """

    mesh: Mesh
    layout: Layout = replicated
    accumulated: bool = False

    @property
    def plain(self) -> train.Step:
        """The same step on one device."""
        return train.accumulated_step if self.accumulated else train.step

    def init(
        self, task: Task, tx: optax.GradientTransformation, key: Array, batch: Batch
    ) -> TrainState:
        """As `train.init`, each device computing its part of the state."""
        build = functools.partial(train.init, task, tx)
        shardings = self._lying(jax.eval_shape(build, key, batch))
        return jax.jit(build, out_shardings=shardings)(key, batch)

    def __call__(
        self, task: Task, tx: optax.GradientTransformation, state: TrainState, batch: Batch
    ) -> tuple[TrainState, Metrics]:
        constrain = jax.lax.with_sharding_constraint

        @jax.custom_vjp
        def whole(params: PyTree) -> PyTree:
            return self.everywhere(params)

        def scattered(_: None, grads: PyTree) -> tuple[PyTree]:
            # As the parameters lie: no device sums the gradients of all of them.
            return (constrain(grads, self._lying(grads)),)

        whole.defvjp(lambda params: (whole(params), None), scattered)

        def loss(params: PyTree, *args: Any, **kwargs: Any) -> Any:
            return task.loss(whole(params), *args, **kwargs)

        held = task if self.layout is replicated else task._replace(loss=loss)
        batch = constrain(batch, split_over(self.mesh, accumulated=self.accumulated))
        state, metrics = self.plain(held, tx, state, batch)
        return constrain(state, self._lying(state)), self.everywhere(metrics)

    def everywhere(self, tree: PyTree) -> PyTree:
        """Within a compiled function: what every device has all of."""
        return jax.lax.with_sharding_constraint(tree, NamedSharding(self.mesh, P()))

    def place(self, batch: Batch) -> Batch:
        """A batch of host arrays, the whole one in every process, on the mesh; others as they are.

        Raises ValueError for one that the devices do not divide.
        """
        sharding = split_over(self.mesh, accumulated=self.accumulated)
        return {name: _placed(sharding, array) for name, array in batch.items()}

    def copies(self, tree: PyTree) -> PyTree:
        """Host arrays, the same ones in every process, as arrays that every device has all of."""
        return jax.tree.map(functools.partial(_placed, NamedSharding(self.mesh, P())), tree)

    def lay(self, state: TrainState) -> TrainState:
        """A state of one device on the mesh; one of several processes has to lie there already.

        Raises ValueError if it does not.
        """
        if not self.mesh.is_multi_process:
            return jax.device_put(state, self._lying(state))
        for path, leaf in jax.tree_util.tree_leaves_with_path(state):
            if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
                raise ValueError(
                    f"state{jax.tree_util.keystr(path)} is an array of this process alone, not one "
                    "of all: StepOver(mesh, layout).init makes such a state"
                )
        return state

    def _lying(self, tree: PyTree) -> PyTree:
        return jax.tree.map(
            lambda leaf: NamedSharding(self.mesh, self.layout(leaf.shape, self.mesh)), tree
        )


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
    it has been put on the mesh already, as `split_over` says. The step is a `StepOver`.
    """
    over = StepOver(mesh, layout, accumulated)
    batches = split_over(mesh, accumulated=accumulated)
    compiled = jax.jit(functools.partial(over, task, tx), in_shardings=(None, batches))

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        return compiled(state, over.place(batch) if mesh.is_multi_process else batch)

    return Parallel(functools.partial(over.init, task, tx), step)


def split_over(mesh: Mesh, *, accumulated: bool = False) -> NamedSharding:
    """How a `StepOver` splits the rows of a batch, over all axes of the mesh.

    A process that reads its own rows only makes arrays of all processes of them by
    `jax.make_array_from_process_local_data(split_over(mesh), rows)`, as `Joined` does.
    """
    return NamedSharding(mesh, P(*[None] * accumulated, mesh.axis_names))


def rows_here(mesh: Mesh, batch_size: int) -> slice:
    """The rows of a batch that the devices of this process take.

    Raises ValueError if the devices do not divide the batch, or those of a process do not lie side
    by side in the mesh.
    """
    places = split_over(mesh).addressable_devices_indices_map((batch_size,)).values()
    ranges = sorted(place[0].indices(batch_size)[:2] for place in places if place is not None)
    if any(end != begin for (_, end), (begin, _) in itertools.pairwise(ranges)):
        raise ValueError("the devices of a process do not lie side by side in the mesh")
    return slice(ranges[0][0], ranges[-1][1])


class Joined:
    """Batches of all processes, made of the rows that each reads: those of `rows_here`, in order.

    batches: of this process, an iterator with the position of which one goes on. accumulated: they
    are micro-batches `[K, B, ...]`.
    """

    def __init__(self, mesh: Mesh, batches: Any, *, accumulated: bool = False):
        self._batches = iter(batches)
        self._join = functools.partial(
            jax.make_array_from_process_local_data, split_over(mesh, accumulated=accumulated)
        )
        self.get_state, self.set_state = self._batches.get_state, self._batches.set_state

    def __iter__(self) -> "Joined":
        return self

    def __next__(self) -> Batch:
        return {name: self._join(rows) for name, rows in next(self._batches).items()}


def _placed(sharding: NamedSharding, array: Any) -> Array:
    """A host array that all processes hold, as one array of all their devices."""
    if isinstance(array, jax.Array) and (
        array.sharding == sharding or not array.is_fully_addressable
    ):
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
