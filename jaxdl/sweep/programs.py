"""Runs compiled for many lanes, each once in a process."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jaxdl.sweep.fingerprint import numerics
from jaxdl.sweep.placement import Placement, one_after_another
from jaxdl.sweep.run import Data, Run
from jaxdl.types import Array, PyTree, TrainState

CPU_STATE_BYTES = 256 * 2**20
CPU_LANES = 32
ACCELERATOR_LANES = 1024
ACCELERATOR_SHARE = 0.8
KEPT = 64


class Program(NamedTuple):
    """A Run compiled for a fixed number of lanes (trials in flight), each function once.

    init: `(hparams [L], seeds [L], data) -> state [L]`
    advance: `(hparams [L], state [L], alive [L], data)
        -> (state [L], curves {name: [L, steps]}, finite [L], steps [L])`; donates the state; a lane
        that is not alive keeps its state, and costs nothing on CPU; finite tells whether all
        parameters and the model state are, at the end of the segment, steps how many steps of
        training it has behind it
    evaluate: `(hparams [L], state [L], data) -> {name: [L]}`
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
) -> Program:
    """The three functions of a run compiled for as many lanes as are asked for or fit.

    What this process has compiled before is not compiled again: not for the same functions, nor,
    under a `name` that was given before, for others of the same `identity`.

    hparams: arrays of any length, for their dtypes. data: as `run` takes it, on the devices.
    trials: of the program altogether; they are cut into chunks of about equal size.
    left: those still to be run, for which fewer lanes that are compiled already will do.
    """
    began = time.perf_counter()
    devices = placement.mesh.size
    one = _one(hparams)
    signature = _signature(one, data)
    code, kept = None, {}
    if (name, signature) in _NAMES or _same(run, signature) in _CODES:
        code = identity(run, hparams, data)
        kept = _PROGRAMS.get((code, placement), {})
    given = lanes is not None
    if lanes is None:
        lanes = _lanes(placement, _state_bytes(run, hparams, data, kept), trials)
    lanes = -(-lanes // devices) * devices
    enough = lanes if given else min(lanes, left or trials)
    fitting = [each for each in kept if each == lanes or (each >= enough and not given)]
    if fitting:
        return kept[min(fitting, key=lambda each: (each != lanes, each))]
    asked, compilations = lanes, 0
    while True:
        program = _compile(run, placement, one, data, lanes, code)
        compilations += 3
        if lanes == devices or _fits(program.advance, placement):
            break
        lanes = max(devices, lanes // 2 // devices * devices)
    _NAMES.put((name, signature), True)
    _CODES.put(_same(run, signature), (run, program.code))
    _PROGRAMS.put((program.code, placement), {**kept, asked: program})
    seconds = time.perf_counter() - began
    return program._replace(compilations=compilations, compile_seconds=seconds)


def state_shapes(run: Run, hparams: Mapping[str, np.ndarray], data: Data) -> PyTree:
    """Shapes and dtypes of one trial's state."""
    seed = jax.ShapeDtypeStruct((), jnp.uint32)
    return jax.eval_shape(_seeded(run), _one(hparams), seed, data)


def forget() -> None:
    """Drops the compiled programs that this process keeps."""
    for kept in (_NAMES, _CODES, _PROGRAMS):
        kept.clear()


def identity(run: Run, hparams: Mapping[str, Any], data: Data) -> str:
    """16 hexadecimal digits of what one trial computes: the lowered text of its three functions.

    hparams: arrays of any shape, for their dtypes.
    """
    one = _one(hparams)
    same = _same(run, _signature(one, data))
    known = _CODES.get(same)
    if known is not None:
        return known[1]
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), data)
    init = jax.jit(_seeded(run)).lower(one, jax.ShapeDtypeStruct((), jnp.uint32), shapes)
    state = jax.tree.map(_strip, init.out_info)
    hasher = hashlib.sha256(init.as_text().encode())
    for function in (run.advance, run.evaluate):
        lowered = _jitted(function).lower(one, state, shapes)
        hasher.update(lowered.as_text().encode())
    code = hasher.hexdigest()[:16]
    _CODES.put(same, (run, code))
    return code


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


_NAMES, _CODES, _PROGRAMS = _Recent(), _Recent(), _Recent()


def _same(run: Run, signature: Any) -> Any:
    # By identity: functions that compare equal (bound methods, modules) may compute other things.
    # The entry keeps the run, and so its functions their addresses.
    return (*map(id, run), signature)


def _one(hparams: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
    return {name: jax.ShapeDtypeStruct((), column.dtype) for name, column in hparams.items()}


def _signature(one: Mapping[str, jax.ShapeDtypeStruct], data: Data) -> Any:
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
    need = compiled.memory_analysis()
    size = need.temp_size_in_bytes + need.argument_size_in_bytes + need.output_size_in_bytes
    return size - need.alias_size_in_bytes < ACCELERATOR_SHARE * stats["bytes_limit"]


def _seeded(run: Run) -> Callable[..., PyTree]:
    return lambda hparams, seed, data: run.init(hparams, jax.random.key(seed), data)


def _jitted(function: Callable[..., Any]) -> Any:
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
        leaves = [
            leaf
            for leaf in jax.tree.leaves((state.params, state.model_state))
            if jnp.issubdtype(leaf.dtype, jnp.inexact)
        ]
        finite = [jnp.all(jnp.isfinite(leaf)) for leaf in leaves]
        sound = jnp.all(jnp.stack(finite)) if finite else jnp.array(True)
        return state, curves, sound, jnp.asarray(state.step, jnp.int32)

    return segment


def _compile(
    run: Run, placement: Placement, one: PyTree, data: Data, lanes: int, code: str | None
) -> Program:
    split, everywhere = placement.split, placement.everywhere

    def many(shape: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((lanes, *shape.shape), shape.dtype, sharding=split)

    def lower(function: Callable[..., Any], *arguments: Any, donate: tuple[int, ...] = ()) -> Any:
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
        evaluate = lower(run.evaluate, hparams, state)
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


def _strip(info: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(info.shape, info.dtype)


def _with(shape: jax.ShapeDtypeStruct, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=sharding)
