"""Programs whose training data stay on the host: their rows are sent in blocks, one ahead.

Which rows a segment reads hangs on keys and the number of the step alone (`run.ByRows`), so it is
known before the segment begins. A block is as many of its steps as read, all lanes of a device
together, no more different rows than it has room for: trials of one seed read the same ones. While
the devices train on one block, a thread reads and sends the next.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import partial_eval

from jaxdl.data import batches
from jaxdl.sweep.compilation import (
    Program,
    identity,
    in_lanes,
    is_finite,
    lowered,
    of_lanes,
    of_the_living,
    run_once,
    seeded,
    strip,
)
from jaxdl.sweep.hosted import TRAIN, Hosted
from jaxdl.sweep.placement import Placement
from jaxdl.sweep.run import ByRows, Data, Run
from jaxdl.types import Array, PyTree, TrainState


class Block(NamedTuple):
    """Rows of some steps, on the devices.

    arrays: `{name: [devices * room, ...]}`. places: `[lanes, most, ...]`, where in them each step
    finds its rows. steps: `[devices]`, how many steps of the most that there can be.
    """

    arrays: dict[str, Array]
    places: Array
    steps: Array


class Size(NamedTuple):
    """What a device's part of a block can hold: different rows, and steps."""

    room: int
    most: int


class Streamed(NamedTuple):
    """`Program.advance`, with a hosted `data["train"]`.

    rows: `(hparams [L], keys [L], steps [L], ()) -> [L, steps, ...]`
    learn: `(hparams, state, alive, places, (arrays, steps)) -> (state, curves, finite, steps)`;
        donates the state.
    """

    rows: Callable[..., Array]
    learn: Any
    placement: Placement
    size: Size

    def __call__(
        self, hparams: PyTree, state: TrainState, alive: np.ndarray, data: Data
    ) -> tuple[TrainState, dict[str, np.ndarray], Array, Array]:
        """A segment; returns when it is done."""
        rows = np.asarray(self.rows(hparams, state.key, state.step, ()))
        blocks = self._blocks(data[TRAIN], rows, alive)
        found: list[dict[str, np.ndarray]] = []
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(next, blocks, None)
            while (ready := ahead.result()) is not None:
                count, block = ready
                shared = (block.arrays, block.steps)
                state, curves, *rest = self.learn(hparams, state, alive, block.places, shared)
                # A third block is not begun before the first is done with.
                ahead = reader.submit(next, blocks, None)
                curves = jax.device_get(curves)
                found.append({name: curve[:, :count] for name, curve in curves.items()})
        joined = {name: np.concatenate([f[name] for f in found], axis=1) for name in found[0]}
        return state, joined, *rest

    def memory_analysis(self) -> Any:
        """That of training on a block."""
        return self.learn.memory_analysis()

    def _blocks(
        self, hosted: Hosted, rows: np.ndarray, alive: np.ndarray
    ) -> Iterator[tuple[int, Block]]:
        """All blocks of a segment, each with the number of its steps. rows: `[lanes, steps, ...]`."""
        devices, (room, most) = self.placement.mesh.size, self.size
        lanes, steps, *each = rows.shape
        mine = np.split(rows.reshape(lanes, steps, -1), devices)
        living = np.split(alive, devices)
        begin, window = 0, 1
        while begin < steps:
            end = min(begin + min(window, most), steps)
            # [steps, rows of the living]: np.unique then tells which step reads a row first.
            read = [
                part[there, begin:end].swapaxes(0, 1).reshape(end - begin, -1)
                for part, there in zip(mine, living, strict=True)
            ]
            fits = [fitting(part, room) for part in read]
            count = min(number for number, _, _ in fits)
            arrays = {
                name: np.empty((devices * room, *shape.shape[1:]), shape.dtype)
                for name, shape in hosted.shapes.items()
            }
            places = np.zeros((lanes, most, *each), np.int32)
            for number, (part, there) in enumerate(zip(mine, living, strict=True)):
                _, found, first = fits[number]
                found = found[first < count]
                own = slice(number * room, (number + 1) * room)
                hosted.read(found, {name: array[own] for name, array in arrays.items()})
                seats = np.flatnonzero(there) + number * len(there)
                where = np.searchsorted(found, part[there, begin : begin + count])
                places[seats, :count] = where.reshape(len(seats), count, *each)
            taken = np.full(devices, count, np.int32)
            block = jax.device_put(Block(arrays, places, taken), self.placement.split)
            del arrays, places
            yield count, block
            del block
            begin, window = begin + count, 2 * count


def fitting(rows: np.ndarray, room: int) -> tuple[int, np.ndarray, np.ndarray]:
    """How many of the first steps read no more than so many different rows.

    rows: `[steps, rows of a step]`. Besides, all different rows in order, and the step that reads
    each of them first.
    """
    found, first = np.unique(rows, return_index=True)
    first = first // max(1, rows.shape[1])
    fresh = np.bincount(first, minlength=len(rows)).cumsum()
    return int(np.searchsorted(fresh, room, side="right")), found, first


def streamed(
    run: Run, placement: Placement, one: PyTree, data: Data, lanes: int, code: str
) -> Program:
    """As `compilation.compiled`, of a run whose `data["train"]` is Hosted.

    Raises ValueError for one that does not say which rows it reads, or reads others besides.
    """
    advance, hosted = run.advance, data[TRAIN]
    if not isinstance(advance, ByRows):
        raise ValueError(
            f"data['{TRAIN}'] is Hosted, but the run's advance does not say which rows it reads: "
            "sweep.make_run's does, and sweep.ByRows makes one (sweep.on, few_labels, online and "
            "early stopping take all rows)"
        )
    shapes = jax.tree.map(strip, jax.eval_shape(lambda data: data, data))
    seed = jax.ShapeDtypeStruct((), jnp.uint32)
    begin = _without_rows(seeded(run), "init", one, seed, shapes)
    state = jax.eval_shape(begin, one, seed, shapes)
    measure = _without_rows(run.evaluate, "evaluate", one, state, shapes)

    def read(hparams: PyTree, key: Array, step: Array, _: tuple[()]) -> Array:
        return advance.rows(hparams, key, step, hosted.examples)

    wanted = jax.eval_shape(read, one, state.key, state.step, ())
    size = size_of(hosted, wanted.shape, lanes // placement.mesh.size)
    arrays = {
        name: jax.ShapeDtypeStruct((placement.mesh.size * size.room, *shape.shape[1:]), shape.dtype)
        for name, shape in hosted.shapes.items()
    }
    places = jax.ShapeDtypeStruct((size.most, *wanted.shape[1:]), jnp.int32)
    shared = (arrays, jax.ShapeDtypeStruct((placement.mesh.size,), jnp.int32))
    others = {name: part for name, part in data.items() if name != TRAIN}
    hparams, seeds, alive, places = jax.tree.map(
        lambda shape: in_lanes(shape, lanes, placement),
        (one, seed, jax.ShapeDtypeStruct((), jnp.bool_), places),
    )
    init = lowered(placement, begin, hparams, seeds, shared=others)
    state = of_lanes(init.out_info, placement)
    rows = lowered(placement, read, hparams, state.key, state.step, shared=())
    learn = lowered(
        placement,
        _learning(advance, size.most),
        *(hparams, state, alive, places),
        shared=shared,
        of_a_device=True,
        donate=(1,),
    )
    living = of_the_living(run._replace(evaluate=measure))
    evaluate = lowered(placement, living, hparams, state, alive, shared=others)
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(init.compile, compiler_options=run_once(placement))]
        jobs += [pool.submit(each.compile) for each in (rows, learn, evaluate)]
        code = code or identity(run, one, data)
        init_, rows_, learn_, evaluate_ = (job.result() for job in jobs)
    _, curves, *_ = jax.tree.map(strip, learn.out_info)
    curves = {
        name: jax.ShapeDtypeStruct((lanes, wanted.shape[0]), curve.dtype)
        for name, curve in curves.items()
    }
    return Program(
        lambda hparams, seeds, data: init_(hparams, seeds, _others(data)),
        Streamed(rows_, learn_, placement, size),
        lambda hparams, state, alive, data: evaluate_(hparams, state, alive, _others(data)),
        state,
        curves,
        jax.tree.map(strip, evaluate.out_info),
        code,
        lanes,
        compilations=4,
        compile_seconds=0.0,
    )


def size_of(hosted: Hosted, rows: tuple[int, ...], lanes: int) -> Size:
    """Of the part of a block that a device with so many lanes holds.

    rows: the shape of what a lane reads in a segment.
    """
    steps, each = rows[0], lanes * math.prod(rows[1:])
    room = max(each, hosted.block_bytes // max(1, hosted.row_bytes))
    most = max(1, hosted.block_bytes // max(1, each * np.dtype(np.int32).itemsize))
    return Size(min(room, hosted.examples, steps * each), min(most, steps))


def _learning(advance: ByRows, most: int) -> Callable[..., Any]:
    """Some steps of a lane, of at most so many, on a block."""

    def segment(
        hparams: PyTree,
        state: TrainState,
        alive: Array,
        places: Array,
        shared: tuple[Mapping[str, Array], Array],
    ) -> tuple[TrainState, dict[str, Array], Array, Array]:
        arrays, (steps,) = shared

        def taught(state: TrainState, rows: Array) -> tuple[TrainState, dict[str, Array]]:
            return advance.learn(hparams)(state, batches.take(arrays, rows))

        shapes = jax.eval_shape(taught, state, places[0])[1]
        nothing = {name: jnp.zeros((most, *s.shape), s.dtype) for name, s in shapes.items()}

        def go_on(carry: tuple[TrainState, dict[str, Array]]) -> Any:
            step = advance.learn(hparams)

            def body(number: Array, carry: tuple[TrainState, dict[str, Array]]) -> Any:
                state, curves = carry
                state, new = step(state, batches.take(arrays, places[number]))
                return state, {name: curves[name].at[number].set(new[name]) for name in curves}

            return jax.lax.fori_loop(0, steps, body, carry)

        state, curves = jax.lax.cond(alive, go_on, lambda carry: carry, (state, nothing))
        return state, curves, is_finite(state), jnp.asarray(state.step, jnp.int32)

    return segment


def _without_rows(function: Callable[..., Any], name: str, *shapes: PyTree) -> Callable[..., Any]:
    """The function on data without training rows, whose shapes alone it may look at.

    shapes: of its arguments, the last of which are the data. Raises ValueError if it reads the rows.
    """
    traced = jax.make_jaxpr(function)(*shapes).jaxpr
    _, used = partial_eval.dce_jaxpr(traced, [True] * len(traced.outvars))
    flags = jax.tree.unflatten(jax.tree.structure(shapes), used)
    if any(jax.tree.leaves(flags[-1][TRAIN])):
        raise ValueError(
            f"data['{TRAIN}'] is Hosted, but the run's {name} reads it: give what it reads as "
            "evaluation batches under another name (evaluate_train and reestimate take all rows)"
        )

    def without(*arguments: Any) -> Any:
        *others, data = arguments
        train = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes[-1][TRAIN])
        return function(*others, {**data, TRAIN: train})

    return without


def _others(data: Data) -> Data:
    return {name: part for name, part in data.items() if name != TRAIN}
