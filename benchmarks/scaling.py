"""How training scales: sweeps over cores, one model over devices, and the time until it goes on.

A sweep on one core and on two; one whose data are streamed from a file; data-parallel steps on 1
to 8 simulated devices, as many examples on each (weak scaling), and what of a step its collectives
take; seconds from the start of a process to the first step of an experiment that was killed. Every
measurement is a process of its own.
"""

import functools
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import digits, harness
from benchmarks.harness import Row, Timing

ALONE = "--alone"
EXPERIMENTS = ("batch_norm", "weight_decay", "cnn_vs_mlp")
DEVICES, BATCH, WIDTH, STEPS, ROUNDS = (1, 2, 4, 8), 64, 1024, 10, 5
LAYOUTS = ("replicated", "sharded")
ROWS, PIXELS, BLOCK = 2**15, 784, 2**23


def alone(*arguments: object, **environment: object) -> list[float]:
    """The numbers that this file says in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling", ALONE, *map(str, arguments)],
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(number) for number in done.stdout.splitlines()[-1].split()]


def sweep(cores: str, count: str) -> list[float]:
    """Seconds of a sweep on so many cores, without compilation."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    from benchmarks import in_flight

    return [in_flight.seconds(digits.sweep_of(int(count)))[1]]


def streamed(count: str, repeats: str) -> list[float]:
    """Seconds of a step of one trial: with rows from a file, in blocks; with all on the devices."""
    from jaxdl import sweep, tasks
    from jaxdl.models import MLP
    from jaxdl.optimizers import adam

    sweep.use_all_cores()
    task = tasks.classification(MLP((128, 128), 10))
    run = sweep.make_run(
        lambda hparams: (task, adam(hparams["rate"])), steps=int(count), batch_size=BATCH
    )
    run = run._replace(evaluate=lambda hparams, state, data: {})
    # Of seeds of their own: no two trials read the same rows.
    trials = sweep.trials(["mlp"], [{"rate": 1e-3}], range(2 * len(os.sched_getaffinity(0))))

    def of(train: Any) -> float:
        with tempfile.TemporaryDirectory() as workdir:
            found = sweep.execute(
                {"mlp": run}, trials, {"train": train}, workdir=workdir, progress=sweep.Progress()
            )
            clock = found.clock().loc["mlp"]
            return float(clock["running"] / clock["steps"])

    with tempfile.TemporaryDirectory() as folder:
        arrays = _in_a_file(f"{folder}/x.npy")
        hosted = sweep.Hosted(arrays, block_bytes=BLOCK)
        of(arrays), of(hosted)  # compiled, and the file in the system's memory
        found = harness.alternate(int(repeats), lambda: of(hosted), lambda: of(arrays))
    return [number for timing in found for number in timing]


def _in_a_file(path: str) -> dict[str, Any]:
    """Images of noise, mapped from a file, and labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    np.save(path, rng.normal(size=(ROWS, PIXELS)).astype(np.float32))
    labels = rng.integers(0, 10, ROWS).astype(np.int32)
    return {"x": np.load(path, mmap_mode="r"), "y": labels}


def steps(layout: str) -> list[float]:
    """Seconds of a step over all devices, and of the same step of each device by itself."""
    import jax
    import numpy as np
    from jax.sharding import PartitionSpec as P

    from jaxdl import parallel, tasks, train
    from jaxdl.models import MLP
    from jaxdl.optimizers import adam

    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    rng, rows = np.random.default_rng(0), BATCH * mesh.size
    x = rng.normal(size=(rows, WIDTH)).astype(np.float32)
    batch = {"x": x, "y": rng.integers(0, 10, rows).astype(np.int32)}
    batch = jax.device_put(batch, parallel.split_over(mesh))
    task, tx = tasks.classification(MLP((WIDTH, WIDTH), 10)), adam(1e-3)
    spread = parallel.data_parallel(task, tx, mesh, getattr(parallel, layout))
    by_itself = jax.shard_map(
        functools.partial(train.step, task, tx),
        mesh=mesh,
        in_specs=(P(), P("data")),
        out_specs=P(),  # not true of them, which is why nothing is sent
        check_vma=False,
    )
    key, compiled = jax.random.key(0), jax.jit(by_itself)
    state = spread.init(key, batch)
    whole = parallel.data_parallel(task, tx, mesh).init(key, batch)
    found = harness.alternate(
        ROUNDS,
        lambda: _seconds_of(spread.step, state, batch),
        lambda: _seconds_of(compiled, whole, batch),
    )
    return [timing.median for timing in found]


def _seconds_of(step: Callable[..., Any], state: Any, batch: Any) -> float:
    import jax

    state, _ = jax.block_until_ready(step(state, batch))
    began = time.perf_counter()
    for _ in range(STEPS):
        state, _ = step(state, batch)
    jax.block_until_ready(state)
    return (time.perf_counter() - began) / STEPS


def launched(name: str, workdir: str, began: str) -> None:
    """Runs an experiment's first segment and dies of it; says when that began, in seconds."""
    experiment = importlib.import_module(f"experiments.{name}")
    from jaxdl.sweep import Progress

    class First(Progress):
        def advance(self, program: str, trials: float, seconds: float) -> None:
            print(time.time() - seconds - float(began), flush=True)
            os._exit(0)

    experiment.plan(experiment.Config()).execute(workdir, progress=First())


def restarts(name: str, repeats: int) -> Timing:
    """Seconds until the first step of launches after the first, which compiles."""
    with tempfile.TemporaryDirectory() as folder:
        cached = {"JAX_COMPILATION_CACHE_DIR": f"{folder}/xla"}
        found = [
            alone("launched", name, f"{folder}/run", time.time(), **cached)[0]
            for _ in range(1 + repeats)
        ]
    return harness.timing(found[1:])


def measure(quick: bool) -> Iterator[Row]:
    """All rows; of a machine of one core, none of sweeps."""
    repeats = 1 if quick else 3
    if len(os.sched_getaffinity(0)) > 1:
        yield _cores_row(64 if quick else 1024, repeats)
    yield _streamed_row(500 if quick else 2000, repeats)
    yield from _weak_rows(DEVICES[:2] if quick else DEVICES, repeats)
    for name in EXPERIMENTS[:1] if quick else EXPERIMENTS:
        found, since = restarts(name, repeats), "from the start of the process"
        yield harness.within(f"restart of {name}", found, 5, "five seconds", since)


def _cores_row(count: int, repeats: int) -> Row:
    def on(cores: int) -> float:
        return alone("sweep", cores, count, JAX_NUM_CPU_DEVICES=cores, NPROC=cores + 1)[0]

    two, one = harness.alternate(repeats, lambda: on(2), lambda: on(1))
    case = f"a sweep of {count} trials on two cores, running only"
    return harness.timed(case, two, one, "one core", "s", 1.9)


def _streamed_row(count: int, repeats: int) -> Row:
    numbers = alone("streamed", count, repeats)
    ours, reference = Timing(*numbers[:3]), Timing(*numbers[3:])
    megabytes = ROWS * PIXELS * 4 // 2**20
    case = f"a step of a sweep, its {megabytes} MiB streamed in blocks of {BLOCK // 2**20} MiB"
    note = f"784-128-128-10 MLP, batch {BATCH}, all trials read other rows"
    return harness.timed(case, ours, reference, "the data on the devices", note=note)


def _weak_rows(devices: tuple[int, ...], repeats: int) -> Iterator[Row]:
    cases = [(layout, count) for layout in LAYOUTS for count in devices]
    found: dict[Any, list[list[float]]] = {case: [] for case in cases}
    for _ in range(repeats):
        for layout, count in cases:
            numbers = alone("steps", layout, JAX_NUM_CPU_DEVICES=count, NPROC=count + 1)
            found[layout, count].append(numbers)
    for layout, count in cases:
        over, by_itself = map(harness.timing, zip(*found[layout, count], strict=True))
        share = 1 - by_itself.median / over.median
        case = f"a step over {count} simulated devices, state {layout}"
        rate = f"{count * BATCH / over.median:.3g} examples/s, {BATCH} a step and device"
        note = f"{rate}; collectives take {max(0.0, share):.0%}"
        against = "the step of each device by itself"
        yield harness.timed(case, over, by_itself, against, note=note)


PARTS: dict[str, Callable[..., list[float] | None]] = {
    "sweep": sweep,
    "steps": steps,
    "streamed": streamed,
    "launched": launched,
}

if __name__ == "__main__":
    if ALONE in sys.argv:
        part, *arguments = sys.argv[sys.argv.index(ALONE) + 1 :]
        print(*(PARTS[part](*arguments) or ()))
    else:
        harness.main(__doc__ or "", measure)
