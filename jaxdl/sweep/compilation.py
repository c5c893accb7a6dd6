"""A run lowered and compiled for many lanes, and the code of what one trial computes."""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from jaxdl.params import running_statistics
from jaxdl.sweep.placement import Placement, one_after_another
from jaxdl.sweep.run import Data, Run
from jaxdl.types import Array, PyTree, TrainState

CALLBACK = "-callback"


class Program(NamedTuple):
    """A Run compiled for a fixed number of lanes (trials in flight), each function once.

    init: `(hparams [L], seeds [L], data) -> state [L]`
    advance: `(hparams [L], state [L], alive [L], data)
        -> (state [L], curves {name: [L, steps]}, finite [L], steps [L])`; donates the state; a lane
        that is not alive keeps its state, and costs nothing on CPU; finite tells whether all
        parameters and the statistics of batch norm are, at the end of the segment, steps how many
        steps of training it has behind it
    evaluate: `(hparams [L], state [L], alive [L], data) -> {name: [L]}`; 0 of a lane that is not
        alive
    code: the run's `identity`
    """

    init: Callable[..., PyTree]
    advance: Callable[..., tuple[PyTree, dict[str, Any], Array, Array]]
    evaluate: Callable[..., dict[str, Array]]
    state: PyTree
    curves: dict[str, jax.ShapeDtypeStruct]
    metrics: dict[str, jax.ShapeDtypeStruct]
    code: str
    lanes: int
    compilations: int
    compile_seconds: float


def compiled(
    run: Run, placement: Placement, one: PyTree, data: Data, lanes: int, code: str
) -> Program:
    """A run for so many lanes; its seconds are 0.

    one: shapes and dtypes of one trial's hyperparameters. data: on the devices. code: the run's
    identity, where it is known.
    """

    def many(shape: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return in_lanes(shape, lanes, placement)

    def lower(
        function: Callable[..., Any], *arguments: PyTree, donate: tuple[int, ...] = ()
    ) -> Any:
        return lowered(placement, function, *arguments, shared=data, donate=donate)

    over_lanes = placement.over_lanes
    hparams = jax.tree.map(many, one)
    seeds = many(jax.ShapeDtypeStruct((), jnp.uint32))
    alive = many(jax.ShapeDtypeStruct((), jnp.bool_))
    init = lowered(placement, over_lanes(seeded(run)), hparams, seeds, shared=data)
    with ThreadPoolExecutor() as pool:
        # The compiler releases the interpreter: one function compiles while the next is traced.
        jobs = [pool.submit(init.compile, compiler_options=run_once(placement))]
        state = of_lanes(init.out_info, placement)
        lane = (hparams, state, alive)
        advance = lowered(placement, over_lanes(_unless_dead(run)), *lane, shared=data, donate=(1,))
        jobs.append(pool.submit(advance.compile))
        evaluate = lowered(placement, over_lanes(of_the_living(run)), *lane, shared=data)
        jobs.append(pool.submit(evaluate.compile))
        code = code or identity(run, one, data)
        init, advance_, evaluate_ = (job.result() for job in jobs)
    _, curves, *_ = jax.tree.map(strip, advance.out_info)
    metrics = jax.tree.map(strip, evaluate.out_info)
    return Program(init, advance_, evaluate_, state, curves, metrics, code, lanes, 3, 0.0)


def lowered(
    placement: Placement,
    function: Callable[..., Any],
    *arguments: PyTree,
    shared: PyTree,
    of_a_device: bool = False,
    donate: tuple[int, ...] = (),
) -> Any:
    """`function(*lanes, shared)`, of all lanes of a device, lowered for all devices.

    shared: given to all devices alike; of_a_device: to each a part of it.
    """
    one, all_ = PartitionSpec("trial"), PartitionSpec()
    common, sharding = (one, placement.split) if of_a_device else (all_, placement.everywhere)
    spread = jax.shard_map(
        function,
        mesh=placement.mesh,
        in_specs=(*(one,) * len(arguments), common),
        out_specs=one,
        # A constant initial carry of a scan does not vary over the mesh, its successor does.
        check_vma=False,
    )
    shardings = (*(placement.split,) * len(arguments), sharding)
    jitted = jax.jit(
        spread, in_shardings=shardings, out_shardings=placement.split, donate_argnums=donate
    )
    return jitted.lower(*arguments, shared)


def in_lanes(shape: jax.ShapeDtypeStruct, lanes: int, placement: Placement) -> jax.ShapeDtypeStruct:
    """Of one trial, as it is of all lanes."""
    return jax.ShapeDtypeStruct((lanes, *shape.shape), shape.dtype, sharding=placement.split)


def of_lanes(info: PyTree, placement: Placement) -> PyTree:
    """What a lowered function returns, as the argument of another."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=placement.split), info
    )


def identity(run: Run, hparams: Mapping[str, Any], data: Data) -> str:
    """Hexadecimal digits of what one trial computes: the lowered text of its three functions.

    It is lowered each time, since what a function reads from outside may have changed. Of a
    function that is called back on the host the text tells nothing: such a code says `callback`.

    hparams: arrays of any shape, for their dtypes.
    """
    one = one_trial(hparams)
    # Of arrays on the host, with the dtypes that they have on a device.
    shapes = jax.tree.map(strip, jax.eval_shape(lambda data: data, data))
    init = jax.jit(seeded(run)).lower(one, jax.ShapeDtypeStruct((), jnp.uint32), shapes)
    state = jax.tree.map(strip, init.out_info)
    functions = [_jitted(function).lower(one, state, shapes) for function in run[1:]]
    texts = [lowered.as_text() for lowered in (init, *functions)]
    code = hashlib.sha256("".join(texts).encode()).hexdigest()[:16]
    return code + CALLBACK if any("callback" in text for text in texts) else code


def is_told_by_text(code: str) -> bool:
    """Whether equal codes are equal programs."""
    return bool(code) and not code.endswith(CALLBACK)


def one_trial(hparams: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and dtypes of one trial's hyperparameters, from arrays of any shape."""
    return {name: jax.ShapeDtypeStruct((), column.dtype) for name, column in hparams.items()}


def state_shapes(run: Run, hparams: Mapping[str, np.ndarray], data: Data) -> PyTree:
    """Shapes and dtypes of one trial's state."""
    seed = jax.ShapeDtypeStruct((), jnp.uint32)
    return jax.eval_shape(seeded(run), one_trial(hparams), seed, data)


def metric_names(run: Run, hparams: Mapping[str, np.ndarray], data: Data) -> list[str] | None:
    """What a run is evaluated by, without compiling it; None of one that cannot be traced.

    Such a program says so in its rows, and leaves the others alone.
    """
    try:
        shapes = jax.tree.map(strip, jax.eval_shape(lambda data: data, data))
        state = state_shapes(run, hparams, shapes)
        return list(jax.eval_shape(run.evaluate, one_trial(hparams), state, shapes))
    except Exception:
        return None


def needed_bytes(compiled: Any) -> int:
    """What a compiled function holds at most: arguments, results, temporaries."""
    need = compiled.memory_analysis()
    size = need.temp_size_in_bytes + need.argument_size_in_bytes + need.output_size_in_bytes
    return size - need.alias_size_in_bytes


def seeded(run: Run) -> Callable[..., PyTree]:
    """`init` of a seed."""
    return lambda hparams, seed, data: run.init(hparams, jax.random.key(seed), data)


def _jitted(function: Callable[..., Any]) -> jax.stages.Wrapped:
    # A function of its own, since jit would take one that compares equal for the same.
    return jax.jit(lambda hparams, state, data: function(hparams, state, data))


def _unless_dead(run: Run) -> Callable[..., tuple[PyTree, dict[str, Array], Array, Array]]:
    # jit caches the trace, so asking for the shapes does not trace the segment twice.
    advance = _jitted(run.advance)

    def segment(
        hparams: PyTree, state: TrainState, alive: Array, data: Data
    ) -> tuple[PyTree, dict[str, Array], Array, Array]:
        _, curves = jax.eval_shape(advance, hparams, state, data)
        nothing = jax.tree.map(lambda curve: jnp.zeros(curve.shape, curve.dtype), curves)
        state, curves = jax.lax.cond(
            alive,
            lambda state: advance(hparams, state, data),
            lambda state: (state, nothing),
            state,
        )
        return state, curves, is_finite(state), jnp.asarray(state.step, jnp.int32)

    return segment


def is_finite(state: TrainState) -> Array:
    """Whether all parameters and the statistics of batch norm are.

    Updates are added, so a parameter that is not finite stays so: the end tells of all steps. Not
    all of the model state: masks and bests so far may rightly be infinite.
    """
    moments = running_statistics(state.model_state)
    leaves = [
        leaf
        for leaf in jax.tree.leaves((state.params, moments))
        if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in leaves]
    return jnp.all(jnp.stack(finite)) if finite else jnp.array(True)


def of_the_living(run: Run) -> Callable[..., dict[str, Array]]:
    """`evaluate`, of a lane that is alive."""
    evaluate = _jitted(run.evaluate)

    def evaluated(hparams: PyTree, state: TrainState, alive: Array, data: Data) -> dict[str, Array]:
        shapes = jax.eval_shape(evaluate, hparams, state, data)
        return jax.lax.cond(
            alive,
            lambda: evaluate(hparams, state, data),
            lambda: jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes),
        )

    return evaluated


def run_once(placement: Placement) -> dict[str, int]:
    """Compiler options for what runs once a trial: on CPU, fast to compile before fast to run."""
    if placement.over_lanes is one_after_another:
        return {"xla_backend_optimization_level": 1}
    return {}


def strip(info: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    """Shape and dtype alone."""
    return jax.ShapeDtypeStruct(info.shape, info.dtype)
