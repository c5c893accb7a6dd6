"""A run compiled for training data that stay on the host."""

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
from jaxdl.sweep.placement import Placement
from jaxdl.sweep.run import ByRows, Data, Run
from jaxdl.types import Array, PyTree, TrainState

SCALAR = jax.ShapeDtypeStruct((), jnp.int32)
Carry = tuple[TrainState, dict[str, Array]]


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
    hosted, others = data[TRAIN], _others(data)

    def many(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda shape: in_lanes(shape, lanes, placement), tree)

    def read(hparams: PyTree, key: Array, step: Array, _: tuple[()]) -> Array:
        return advance.rows(hparams, key, step, hosted.examples)

    hparams, seeds = many(one), many(SCALAR.update(dtype=jnp.uint32))
    init = lowered(placement, seeded(blind), hparams, seeds, shared=others)
    state = of_lanes(init.out_info, placement)
    reading = lowered(placement, read, hparams, state.key, state.step, shared=())
    rows = reading.out_info.shape[1:]
    size = size_of(hosted, rows, lanes // placement.mesh.size)
    block = _shapes(hosted, size, rows, placement.mesh.size)
    lane = (hparams, state, many(SCALAR.update(dtype=jnp.bool_)))
    learn = lowered(
        placement,
        _learning(advance, size.most),
        *(*lane, many(block.places)),
        shared=block.rows,
        of_a_device=True,
        donate=(1,),
    )
    evaluate = lowered(placement, of_the_living(blind), *lane, shared=others)
    return _Parts(init, reading, learn, evaluate, size)


def _shapes(hosted: Hosted, size: Size, rows: tuple[int, ...], devices: int) -> Block:
    """A block's, with the places of one lane; rows: the shape of those that it reads."""
    arrays = {
        name: jax.ShapeDtypeStruct((devices * size.room, *row.shape[1:]), row.dtype)
        for name, row in hosted.shapes.items()
    }
    places = SCALAR.update(shape=(size.most, *rows[1:]))
    return Block(places, (arrays, SCALAR.update(shape=(devices,))))


def _learning(advance: ByRows, most: int) -> Callable[..., Any]:
    """The steps of a block, of at most so many, in one lane."""

    def segment(
        hparams: PyTree,
        state: TrainState,
        alive: Array,
        places: Array,
        rows: tuple[Mapping[str, Array], Array],
    ) -> tuple[TrainState, dict[str, Array], Array, Array]:
        arrays, (steps,) = rows

        def body(number: Array, carry: Carry) -> Carry:
            state, curves = carry
            now = jax.lax.dynamic_index_in_dim(places, number, keepdims=False)
            state, new = step(state, batches.take(arrays, now))
            update = jax.lax.dynamic_update_index_in_dim
            return state, {name: update(curves[name], new[name], number, 0) for name in curves}

        step = advance.learn(hparams)
        _, shapes = jax.eval_shape(lambda: step(state, batches.take(arrays, places[0])))
        nothing = {name: jnp.zeros((most, *s.shape), s.dtype) for name, s in shapes.items()}
        # A loop of a number of steps that is not known is, but for that, the scan of a segment.
        state, curves = jax.lax.cond(
            alive,
            lambda carry: jax.lax.fori_loop(0, 1 if most == 1 else steps, body, carry),
            lambda carry: carry,
            (state, nothing),
        )
        return state, curves, is_finite(state), jnp.asarray(state.step, jnp.int32)

    return segment


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
