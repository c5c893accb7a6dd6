"""A run compiled for training data that stay on the host."""

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

from jaxdl.data import batches
from jaxdl.sweep.blocks import Block, Size, Streamed, size_of
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
from jaxdl.sweep.placement import Placement, one_after_another
from jaxdl.sweep.run import ByRows, Data, Run
from jaxdl.types import Array, PyTree, TrainState

SCALAR = jax.ShapeDtypeStruct((), jnp.int32)
Carry = tuple[PyTree, dict[str, Array]]
Rows = tuple[Mapping[str, Array], Array]
Learned = tuple[TrainState, dict[str, Array], Array, Array]


def streamed(
    run: Run, placement: Placement, one: PyTree, data: Data, lanes: int, code: str
) -> Program:
    """As `compilation.compiled`, of a run whose `data["train"]` is Hosted.

    Raises ValueError for one that does not say which rows it reads, or reads others besides.
    """
    if not isinstance(run.advance, ByRows):
        raise ValueError(
            f"data['{TRAIN}'] is Hosted, but the run's advance does not say which rows it reads: "
            "sweep.make_run's does, any other has to be a sweep.ByRows"
        )
    parts = _lowered(_without_rows(run, one, data), run.advance, placement, one, data, lanes)
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(parts.init.compile, compiler_options=run_once(placement))]
        jobs += [pool.submit(part.compile) for part in (parts.read, parts.learn, parts.evaluate)]
        code = code or identity(run, one, data)
        init, read, learn, evaluate = (job.result() for job in jobs)
    steps = parts.read.out_info.shape[1]
    return Program(
        init=lambda hparams, seeds, data: init(hparams, seeds, _others(data)),
        advance=Streamed(read, learn, placement, parts.size),
        evaluate=lambda hparams, state, alive, data: evaluate(hparams, state, alive, _others(data)),
        state=of_lanes(parts.init.out_info, placement),
        curves={
            name: jax.ShapeDtypeStruct((lanes, steps), curve.dtype)
            for name, curve in parts.learn.out_info[1].items()
        },
        metrics=jax.tree.map(strip, parts.evaluate.out_info),
        code=code,
        lanes=lanes,
        compilations=len(jobs),
        compile_seconds=0.0,
    )


class _Parts(NamedTuple):
    """Lowered functions of all lanes, and the size of the blocks that `learn` takes."""

    init: Any
    read: Any
    learn: Any
    evaluate: Any
    size: Size


def _lowered(
    blind: Run, advance: ByRows, placement: Placement, one: PyTree, data: Data, lanes: int
) -> _Parts:
    """blind: the run on data without training rows."""
    hosted, others, over_lanes = data[TRAIN], _others(data), placement.over_lanes

    def many(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda shape: in_lanes(shape, lanes, placement), tree)

    def read(hparams: PyTree, key: Array, step: Array, _: tuple[()]) -> Array:
        return advance.rows(hparams, key, step, hosted.examples)

    hparams, seeds = many(one), many(SCALAR.update(dtype=jnp.uint32))
    init = lowered(placement, over_lanes(seeded(blind)), hparams, seeds, shared=others)
    state = of_lanes(init.out_info, placement)
    reading = lowered(placement, over_lanes(read), hparams, state.key, state.step, shared=())
    rows = reading.out_info.shape[1:]
    size = size_of(hosted, rows, lanes // placement.mesh.size)
    block = _shapes(hosted, size, rows, placement.mesh.size)
    lane = (hparams, state, many(SCALAR.update(dtype=jnp.bool_)))
    learning = over_lanes(functools.partial(_in_a_lane, advance))
    if over_lanes is not one_after_another:
        learning = functools.partial(_side_by_side, advance)
    learn = lowered(
        placement,
        learning,
        *(*lane, many(block.places)),
        shared=block.rows,
        of_a_device=True,
        donate=(1,),
    )
    evaluate = lowered(placement, over_lanes(of_the_living(blind)), *lane, shared=others)
    return _Parts(init, reading, learn, evaluate, size)


def _shapes(hosted: Hosted, size: Size, rows: tuple[int, ...], devices: int) -> Block:
    """A block's, with the places of one lane; rows: the shape of those that it reads."""
    arrays = {
        name: jax.ShapeDtypeStruct((devices * size.room, *row.shape[1:]), row.dtype)
        for name, row in hosted.shapes.items()
    }
    places = SCALAR.update(shape=(size.most, *rows[1:]))
    return Block(places, (arrays, SCALAR.update(shape=(devices,))))


def _in_a_lane(
    advance: ByRows, hparams: PyTree, state: TrainState, alive: Array, places: Array, rows: Rows
) -> Learned:
    """The steps of a block in one lane."""
    arrays, (count,) = rows
    step = advance.learn(hparams)

    def one(state: TrainState, places: Array) -> Carry:
        return step(state, batches.take(arrays, places))

    def go_on(state: TrainState) -> Carry:
        return _steps(one, state, places, count)

    _, shapes = jax.eval_shape(go_on, state)
    nothing = {name: jnp.zeros(shape.shape, shape.dtype) for name, shape in shapes.items()}
    state, curves = jax.lax.cond(alive, go_on, lambda state: (state, nothing), state)
    return state, curves, is_finite(state), jnp.asarray(state.step, jnp.int32)


def _side_by_side(
    advance: ByRows, hparams: PyTree, state: TrainState, alive: Array, places: Array, rows: Rows
) -> Learned:
    """The steps of a block in all lanes of a device.

    A scan of lanes is one of steps of all lanes, what each step reads and gives in order of steps.
    A loop of lanes would have each lane's together, and not the bits of a scan.
    """
    arrays, (count,) = rows

    def step(hparams: PyTree, state: TrainState, places: Array) -> Carry:
        return advance.learn(hparams)(state, batches.take(arrays, places))

    def one(state: TrainState, places: Array) -> Carry:
        return jax.vmap(step)(hparams, state, places)

    def living(alive: Array, after: TrainState, before: TrainState) -> TrainState:
        return jax.lax.cond(alive, lambda: after, lambda: before)

    after, curves = _steps(one, state, places.swapaxes(0, 1), count)
    state = jax.vmap(living)(alive, after, state)
    curves = {name: curve.swapaxes(0, 1) for name, curve in curves.items()}
    return state, curves, jax.vmap(is_finite)(state), jnp.asarray(state.step, jnp.int32)


def _steps(
    step: Callable[[PyTree, Array], Carry], state: PyTree, places: Array, count: Array
) -> Carry:
    """The first steps of as many as there are places for: a scan of which only the length is open.

    Curves have the length that it can have.
    """
    _, shapes = jax.eval_shape(step, state, places[0])
    curves = {
        name: jnp.zeros((len(places), *shape.shape), shape.dtype) for name, shape in shapes.items()
    }

    def body(number: Array, carry: Carry) -> Carry:
        state, curves = carry
        now = jax.lax.dynamic_index_in_dim(places, number, keepdims=False)
        state, new = step(state, now)
        update = jax.lax.dynamic_update_index_in_dim
        return state, {name: update(curves[name], new[name], number, 0) for name in curves}

    # XLA makes no loop of a scan of one step.
    return jax.lax.fori_loop(0, 1 if len(places) == 1 else count, body, (state, curves))


def _without_rows(run: Run, one: PyTree, data: Data) -> Run:
    """The run on data without training rows: it begins and is measured by their shapes alone.

    Raises ValueError if it needs more.
    """
    shapes = jax.tree.map(strip, jax.eval_shape(lambda data: data, data))
    key = jax.eval_shape(jax.random.key, 0)
    state = jax.eval_shape(run.init, one, key, shapes)
    init = _blind(run.init, "init", (one, key, shapes))
    return run._replace(init=init, evaluate=_blind(run.evaluate, "evaluate", (one, state, shapes)))


def _blind(
    function: Callable[..., Any], name: str, shapes: tuple[PyTree, PyTree, Data]
) -> Callable[..., Any]:
    """shapes: of the arguments of the function, which is called `name` in a Run."""
    traced = jax.make_jaxpr(function)(*shapes).jaxpr
    _, used = partial_eval.dce_jaxpr(traced, [True] * len(traced.outvars))
    *_, data = jax.tree.unflatten(jax.tree.structure(shapes), used)
    if any(jax.tree.leaves(data[TRAIN])):
        raise ValueError(
            f"data['{TRAIN}'] is Hosted, but the run's {name} reads it, beyond its shapes: give "
            "that part as batches under another name; evaluate_train and reestimate take all rows"
        )

    def blind(hparams: PyTree, second: PyTree, data: Data) -> Any:
        train = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes[2][TRAIN])
        return function(hparams, second, {**data, TRAIN: train})

    return blind


def _others(data: Data) -> Data:
    return {name: part for name, part in data.items() if name != TRAIN}
