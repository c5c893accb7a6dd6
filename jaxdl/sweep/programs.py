"""Runs compiled for many lanes, each once in a process."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jaxdl.params import running_statistics
from jaxdl.sweep.fingerprint import numerics
from jaxdl.sweep.placement import Placement, one_after_another
from jaxdl.sweep.run import Data, Run
from jaxdl.types import Array, PyTree, TrainState

CPU_STATE_BYTES = 256 * 2**20
CPU_LANES = 32
ACCELERATOR_LANES = 1024
ACCELERATOR_SHARE = 0.8
KEPT = 64
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
    advance: Callable[..., tuple[PyTree, dict[str, Array], Array, Array]]
    evaluate: Callable[..., dict[str, Array]]
    state: PyTree
    curves: dict[str, jax.ShapeDtypeStruct]
    metrics: dict[str, jax.ShapeDtypeStruct]
    code: str
    lanes: int
    compilations: int
    compile_seconds: float


def compile_run(
    run: Run,
    placement: Placement,
    hparams: Mapping[str, np.ndarray],
    data: Data,
    trials: int,
    lanes: int | None = None,
    *,
    left: int | None = None,
    name: str = "",
    code: str = "",
) -> Program:
    """The three functions of a run compiled for as many lanes as are asked for or fit.

    What this process has compiled before under that name is not compiled again, if its `identity`
    is the same. Programs that call back into Python are always compiled, since the text does not
    tell which function they call.

    hparams: arrays of any length, for their dtypes. data: as `run` takes it, on the devices.
    trials: of the program altogether; they are cut into chunks of about equal size.
    left: those still to be run; on CPU, where a dead lane costs nothing, a program that is compiled
        already and has lanes for a quarter of them will do. None: the lanes that `trials` ask for.
    code: the run's identity, where it is known.
    """
    began = time.perf_counter()
    devices = placement.mesh.size
    one = _one(hparams)
    signature = _signature(one, data)
    seen = (name, signature)
    if not code and seen in _SEEN:
        code = identity(run, hparams, data)
    # The text tells no names, and a compiled function takes only the ones that it was made with.
    kept = _PROGRAMS.get((code, signature, placement), {}) if _is_told_by_text(code) else {}
    given = lanes is not None
    if lanes is None:
        lanes = _lanes(placement, _state_bytes(run, hparams, data, kept), trials)
    lanes = -(-lanes // devices) * devices
    flexible = left is not None and not given and placement.over_lanes is one_after_another
    enough = min(lanes, left or lanes) if flexible else lanes
    fitting = [each for each in kept if each == lanes or (flexible and 4 * each >= enough)]
    if fitting:
        nearest = min(fitting, key=lambda each: (each != lanes, each < enough, abs(each - enough)))
        return kept[nearest]._replace(compilations=0)
    asked, compilations = lanes, 0
    while True:
        program = _compile(run, placement, one, data, lanes, code)
        compilations += 3
        if lanes == devices or _fits(program.advance, placement):
            break
        lanes = max(devices, lanes // 2 // devices * devices)
    seconds = time.perf_counter() - began
    program = program._replace(compilations=compilations, compile_seconds=seconds)
    _SEEN.put(seen, True)
    if _is_told_by_text(program.code):
        _PROGRAMS.put((program.code, signature, placement), {**kept, asked: program})
    return program


def state_shapes(run: Run, hparams: Mapping[str, np.ndarray], data: Data) -> PyTree:
    """Shapes and dtypes of one trial's state."""
    seed = jax.ShapeDtypeStruct((), jnp.uint32)
    return jax.eval_shape(_seeded(run), _one(hparams), seed, data)


def usual_lanes(
    run: Run, placement: Placement, hparams: Mapping[str, np.ndarray], data: Data, trials: int
) -> int:
    """The lanes that `compile_run` takes for so many trials, but for those that do not fit."""
    return _lanes(placement, _state_bytes(run, hparams, data, {}), trials)


def needed_bytes(compiled: Any) -> int:
    """What a compiled function holds at most: arguments, results, temporaries."""
    need = compiled.memory_analysis()
    size = need.temp_size_in_bytes + need.argument_size_in_bytes + need.output_size_in_bytes
    return size - need.alias_size_in_bytes


def forget(code: str = "") -> None:
    """Drops the compiled programs of this code, or all, that the process keeps."""
    for key in [key for key in _PROGRAMS if not code or key[0] == code]:
        del _PROGRAMS[key]
    if not code:
        _SEEN.clear()


def identity(run: Run, hparams: Mapping[str, Any], data: Data) -> str:
    """Hexadecimal digits of what one trial computes: the lowered text of its three functions.

    It is lowered each time, since what a function reads from outside may have changed. Of a
    function that is called back on the host the text tells nothing: such a code says `callback`.

    hparams: arrays of any shape, for their dtypes.
    """
    one = _one(hparams)
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), data)
    init = jax.jit(_seeded(run)).lower(one, jax.ShapeDtypeStruct((), jnp.uint32), shapes)
    state = jax.tree.map(_strip, init.out_info)
    functions = [_jitted(function).lower(one, state, shapes) for function in run[1:]]
    texts = [lowered.as_text() for lowered in (init, *functions)]
    code = hashlib.sha256("".join(texts).encode()).hexdigest()[:16]
    return code + CALLBACK if any("callback" in text for text in texts) else code


def _is_told_by_text(code: str) -> bool:
    return bool(code) and not code.endswith(CALLBACK)


class _Recent(OrderedDict[Any, Any]):
    """The KEPT entries that were last used."""

    def get(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            return default
        self.move_to_end(key)
        return self[key]

    def put(self, key: Any, value: Any) -> None:
        self[key] = value
        self.move_to_end(key)
        while len(self) > KEPT:
            self.popitem(last=False)


_SEEN, _PROGRAMS = _Recent(), _Recent()


def _one(hparams: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
    return {name: jax.ShapeDtypeStruct((), column.dtype) for name, column in hparams.items()}


def _signature(one: Mapping[str, jax.ShapeDtypeStruct], data: Data) -> Hashable:
    leaves, structure = jax.tree.flatten(data)
    shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
    dtypes = tuple(sorted((name, str(column.dtype)) for name, column in one.items()))
    return dtypes, structure, shapes, tuple(numerics().items())


def _state_bytes(
    run: Run, hparams: Mapping[str, np.ndarray], data: Data, kept: Mapping[int, Program]
) -> int:
    """What one lane's state takes."""
    for program in kept.values():
        return _bytes(program.state) // program.lanes
    return _bytes(state_shapes(run, hparams, data))


def _bytes(tree: PyTree) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _lanes(placement: Placement, state_bytes: int, trials: int) -> int:
    """Lanes of all devices that cut so many trials into chunks of about equal size."""
    most = ACCELERATOR_LANES
    if placement.over_lanes is one_after_another:
        most = max(1, min(CPU_LANES, CPU_STATE_BYTES // max(state_bytes, 1)))
    each = -(-trials // placement.mesh.size)
    return -(-each // -(-each // most)) * placement.mesh.size


def _fits(compiled: Any, placement: Placement) -> bool:
    stats = placement.mesh.devices.flat[0].memory_stats()
    if not stats or "bytes_limit" not in stats:
        return True
    return needed_bytes(compiled) < ACCELERATOR_SHARE * stats["bytes_limit"]


def _seeded(run: Run) -> Callable[..., PyTree]:
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
        # Updates are added, so a parameter that is not finite stays so: the end tells of all steps.
        # Not all of the model state: masks and bests so far may rightly be infinite.
        moments = running_statistics(state.model_state)
        leaves = [
            leaf
            for leaf in jax.tree.leaves((state.params, moments))
            if jnp.issubdtype(leaf.dtype, jnp.inexact)
        ]
        finite = [jnp.all(jnp.isfinite(leaf)) for leaf in leaves]
        sound = jnp.all(jnp.stack(finite)) if finite else jnp.array(True)
        return state, curves, sound, jnp.asarray(state.step, jnp.int32)

    return segment


def _of_the_living(run: Run) -> Callable[..., dict[str, Array]]:
    evaluate = _jitted(run.evaluate)

    def evaluated(hparams: PyTree, state: TrainState, alive: Array, data: Data) -> dict[str, Array]:
        shapes = jax.eval_shape(evaluate, hparams, state, data)
        return jax.lax.cond(
            alive,
            lambda: evaluate(hparams, state, data),
            lambda: jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes),
        )

    return evaluated


def _compile(
    run: Run, placement: Placement, one: PyTree, data: Data, lanes: int, code: str
) -> Program:
    split, everywhere = placement.split, placement.everywhere

    def many(shape: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((lanes, *shape.shape), shape.dtype, sharding=split)

    def lower(
        function: Callable[..., Any], *arguments: PyTree, donate: tuple[int, ...] = ()
    ) -> Any:
        specs = (PartitionSpec("trial"),) * len(arguments) + (PartitionSpec(),)
        spread = jax.shard_map(
            placement.over_lanes(function),
            mesh=placement.mesh,
            in_specs=specs,
            out_specs=PartitionSpec("trial"),
            # A constant initial carry of a scan does not vary over the mesh, its successor does.
            check_vma=False,
        )
        shardings = (split,) * len(arguments) + (everywhere,)
        jitted = jax.jit(spread, in_shardings=shardings, out_shardings=split, donate_argnums=donate)
        return jitted.lower(*arguments, data)

    hparams = jax.tree.map(many, one)
    seeds = many(jax.ShapeDtypeStruct((), jnp.uint32))
    alive = many(jax.ShapeDtypeStruct((), jnp.bool_))
    init = lower(_seeded(run), hparams, seeds)
    with ThreadPoolExecutor() as pool:
        # The compiler releases the interpreter: one function compiles while the next is traced.
        jobs = [pool.submit(init.compile, compiler_options=_run_once(placement))]
        state = jax.tree.map(_strip, init.out_info)
        state = jax.tree.map(lambda leaf: _with(leaf, split), state)
        advance = lower(_unless_dead(run), hparams, state, alive, donate=(1,))
        jobs.append(pool.submit(advance.compile))
        evaluate = lower(_of_the_living(run), hparams, state, alive)
        jobs.append(pool.submit(evaluate.compile))
        code = code or identity(run, one, data)
        init, advance_, evaluate_ = (job.result() for job in jobs)
    _, curves, *_ = jax.tree.map(_strip, advance.out_info)
    metrics = jax.tree.map(_strip, evaluate.out_info)
    return Program(init, advance_, evaluate_, state, curves, metrics, code, lanes, 0, 0.0)


def _run_once(placement: Placement) -> dict[str, int]:
    """Compiler options for what runs once a trial: on CPU, fast to compile before fast to run."""
    if placement.over_lanes is one_after_another:
        return {"xla_backend_optimization_level": 1}
    return {}


def _strip(info: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(info.shape, info.dtype)


def _with(shape: jax.ShapeDtypeStruct, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=sharding)
