"""Where trials sit: one after another on each CPU core, side by side on each accelerator."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxdl import cores
from jaxdl.sweep.run import Data, Run
from jaxdl.types import Array, PyTree, TrainState

CPU_STATE_BYTES = 256 * 2**20
CPU_LANES = 32
ACCELERATOR_LANES = 1024
ACCELERATOR_SHARE = 0.8


class Program(NamedTuple):
    """A Run compiled for a fixed number of lanes (trials in flight), each function once.

    init: `(hparams [L], seeds [L], data) -> state [L]`
    advance: `(hparams [L], state [L], alive [L], data)
        -> (state [L], curves {name: [L, steps]}, finite [L])`; donates the state; a lane that is
        not alive keeps its state, and costs nothing on CPU; finite tells whether all parameters
        are, at the end of the segment
    evaluate: `(hparams [L], state [L], data) -> {name: [L]}`
    code: the run's `identity`
    """

    init: Callable[..., PyTree]
    advance: Callable[..., tuple[PyTree, dict[str, Array], Array]]
    evaluate: Callable[..., dict[str, Array]]
    state: PyTree
    curves: dict[str, jax.ShapeDtypeStruct]
    metrics: dict[str, jax.ShapeDtypeStruct]
    code: str
    lanes: int
    compilations: int
    compile_seconds: float


class Placement(NamedTuple):
    """Devices, and how the lanes of one device run: `lax.map` or `vmap`."""

    mesh: Mesh
    over_lanes: Callable[..., Callable[..., Any]]

    @property
    def split(self) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec("trial"))

    @property
    def everywhere(self) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec())


def use_all_cores() -> None:
    """Gives JAX one CPU device per core, so that a sweep uses all of them, and tunes it for CPU.

    To be called before JAX is first used; raises RuntimeError after that, unless it has them.
    """
    try:
        jax.config.update("jax_num_cpu_devices", cores.count())
        cores.tune()
    except RuntimeError:
        if len(jax.local_devices(backend="cpu")) != cores.count():
            raise RuntimeError(
                "use_all_cores() comes too late: call it before anything else of JAX"
            ) from None


def place(devices: Sequence[jax.Device] | None = None) -> Placement:
    """The placement for these devices (default: all local ones)."""
    devices = tuple(jax.local_devices() if devices is None else devices)
    mesh = jax.make_mesh((len(devices),), ("trial",), devices=devices, axis_types=(AxisType.Auto,))
    # Batched small matrix products are slow on CPU, and one product after another fills a core.
    on_cpu = devices[0].platform == "cpu"
    return Placement(mesh, one_after_another if on_cpu else side_by_side)


def one_after_another(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(*lane, data)` over the leading axis of every `lane` argument, by `lax.map`."""

    def mapped(*arguments: Any) -> Any:
        *lanes, data = arguments
        return jax.lax.map(lambda lane: function(*lane, data), tuple(lanes))

    return mapped


def side_by_side(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(*lane, data)` over the leading axis of every `lane` argument, by `vmap`."""

    def mapped(*arguments: Any) -> Any:
        *lanes, data = arguments
        return jax.vmap(lambda *lane: function(*lane, data))(*lanes)

    return mapped


def compile_run(
    run: Run,
    placement: Placement,
    hparams: Mapping[str, np.ndarray],
    data: Data,
    trials: int,
    lanes: int | None = None,
) -> Program:
    """Compiles the three functions of a run for as many lanes as are asked for or fit.

    hparams: arrays of any length, for their dtypes. data: as `run` takes it, on the devices.
    trials: of the program altogether; they are cut into chunks of about equal size.
    """
    began = time.perf_counter()
    devices = placement.mesh.size
    one = {name: jax.ShapeDtypeStruct((), column.dtype) for name, column in hparams.items()}
    state = jax.eval_shape(_seeded(run), one, jax.ShapeDtypeStruct((), jnp.uint32), data)
    if lanes is None:
        each = -(-trials // devices)
        chunks = -(-each // _most_lanes(placement, state))
        lanes = -(-each // chunks) * devices
    lanes = -(-lanes // devices) * devices
    compilations = 0
    while True:
        program = _compile(run, placement, one, data, lanes)
        compilations += 3
        if lanes == devices or _fits(program.advance, placement):
            return program._replace(
                compilations=compilations, compile_seconds=time.perf_counter() - began
            )
        lanes = max(devices, lanes // 2 // devices * devices)


def identity(run: Run, hparams: Mapping[str, Any], data: Data) -> str:
    """16 hexadecimal digits of what one trial computes: the lowered text of its three functions.

    hparams: arrays of any shape, for their dtypes.
    """
    one = {name: jax.ShapeDtypeStruct((), column.dtype) for name, column in hparams.items()}
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), data)
    init = jax.jit(_seeded(run)).lower(one, jax.ShapeDtypeStruct((), jnp.uint32), shapes)
    state = jax.tree.map(_strip, init.out_info)
    hasher = hashlib.sha256(init.as_text().encode())
    for function in (run.advance, run.evaluate):
        hasher.update(jax.jit(function).lower(one, state, shapes).as_text().encode())
    return hasher.hexdigest()[:16]


def _most_lanes(placement: Placement, state: PyTree) -> int:
    if placement.over_lanes is side_by_side:
        return ACCELERATOR_LANES
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    return max(1, min(CPU_LANES, CPU_STATE_BYTES // max(size, 1)))


def _fits(compiled: Any, placement: Placement) -> bool:
    stats = placement.mesh.devices.flat[0].memory_stats()
    if not stats or "bytes_limit" not in stats:
        return True
    need = compiled.memory_analysis()
    size = need.temp_size_in_bytes + need.argument_size_in_bytes + need.output_size_in_bytes
    return size - need.alias_size_in_bytes < ACCELERATOR_SHARE * stats["bytes_limit"]


def _seeded(run: Run) -> Callable[..., PyTree]:
    return lambda hparams, seed, data: run.init(hparams, jax.random.key(seed), data)


def _unless_dead(run: Run) -> Callable[..., tuple[PyTree, dict[str, Array], Array]]:
    # jit caches the trace, so asking for the shapes does not trace the segment twice.
    advance = jax.jit(run.advance)

    def segment(
        hparams: PyTree, state: TrainState, alive: Array, data: Data
    ) -> tuple[PyTree, dict[str, Array], Array]:
        _, curves = jax.eval_shape(advance, hparams, state, data)
        nothing = jax.tree.map(lambda curve: jnp.zeros(curve.shape, curve.dtype), curves)
        state, curves = jax.lax.cond(
            alive,
            lambda state: advance(hparams, state, data),
            lambda state: (state, nothing),
            state,
        )
        # Updates are added, so a parameter that is not finite stays so: the end tells of all steps.
        finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state.params)]
        return state, curves, jnp.all(jnp.stack(finite)) if finite else jnp.array(True)

    return segment


def _compile(run: Run, placement: Placement, one: PyTree, data: Data, lanes: int) -> Program:
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
        code = identity(run, one, data)
        init, advance_, evaluate_ = (job.result() for job in jobs)
    _, curves, _ = jax.tree.map(_strip, advance.out_info)
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
