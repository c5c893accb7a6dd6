"""Trials a second by the number in flight, and the memory that they take, on an accelerator."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from benchmarks import harness
from benchmarks.harness import Row

SweepOf = Callable[[int], dict[str, Any]]
"""`count -> programs, trials and data`, as `sweep.execute` takes them."""


def seconds(problem: dict[str, Any], lanes: int | None = None) -> tuple[float, float]:
    """Seconds of a sweep with everything that belongs to it, and those without compilation."""
    from jaxdl import sweep
    from jaxdl.sweep import programs

    programs.forget()  # each measurement compiles, as a first launch does
    progress = sweep.Progress()
    with tempfile.TemporaryDirectory() as workdir:
        total = harness.seconds(
            lambda: sweep.execute(**problem, workdir=workdir, progress=progress, lanes=lanes)
        )
    return total, total - progress.compiling


def rows(what: str, sweep_of: SweepOf, lanes: Sequence[int], target: float | None) -> Iterator[Row]:
    """Against one trial at a time; before anything larger has run, since peaks are remembered.

    target: the least ratio of the most lanes. A number of lanes that fails says why, and ends it.
    """
    base = None
    seconds(sweep_of(lanes[0]), lanes[0])  # a process's first sweep also loads what all will use
    for count in lanes:
        problem = sweep_of(count)
        try:
            _, running = seconds(problem, count)
            memory = _memory(problem, count)
        except Exception as error:
            print(f"{count} {what}: left out: {error}", flush=True)
            return
        rate = count / running
        base = base or rate
        asked = target if count == lanes[-1] else None
        case = f"{count} {what} in flight"
        against = "one trial in flight"
        yield Row(f"{case}, running only", rate, base, against, "trials/s", rate / base, asked)
        if memory is not None:
            predicted, used = memory
            note = "a segment's arguments, results and temporaries; the peak since the start"
            ratio = used / predicted
            against = "used, as the device tells"
            yield Row(
                f"{case}, memory predicted", predicted, used, against, "MiB", ratio, None, note
            )


def _memory(problem: dict[str, Any], lanes: int) -> tuple[float, float] | None:
    """MiB that the compiled segment of the lanes needs, and that the device has held at most."""
    from jaxdl import sweep
    from jaxdl.sweep import chunk, compilation, programs

    stats = jax.local_devices()[0].memory_stats()
    if not stats or "peak_bytes_in_use" not in stats:
        return None
    placement = sweep.place()
    ((name, run),) = problem["programs"].items()
    data = jax.device_put(problem["data"], placement.everywhere)
    hparams = chunk.columns(problem["trials"], {})
    program = programs.compile_run(run, placement, hparams, data, lanes, lanes, name=name)
    needed = compilation.needed_bytes(program.advance)
    return needed / 2**20, stats["peak_bytes_in_use"] / 2**20
