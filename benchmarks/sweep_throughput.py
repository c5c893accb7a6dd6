"""How fast a sweep is: 500-step trials of a digits MLP with Adam, against other ways to run them.

Against a fresh process per trial, a PyTorch loop, and the shortest JAX program for the same trials;
peak memory by the number of trials; on an accelerator, trials/s by the number in flight.
"""

import functools
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(os.cpu_count()))

from benchmarks import digits, harness
from benchmarks.harness import Row, Timing

REPEATS = 3
MEMORY_FLAG = "--measure-memory-of"


def ours(count: int, lanes: int | None = None) -> tuple[float, float]:
    """Seconds of a sweep with everything that belongs to it, and those without compilation."""
    from jaxdl import sweep

    progress = sweep.Silent()
    with tempfile.TemporaryDirectory() as workdir:
        total = harness.seconds(
            lambda: sweep.execute(
                **digits.sweep_of(count), workdir=workdir, progress=progress, lanes=lanes
            )
        )
    return total, total - progress.compiling


def by_hand(count: int) -> float:
    """Seconds of the hand-written program, compilation included."""
    import jax

    from benchmarks.peers import jax_by_hand

    splits = jax.device_put(digits.arrays())
    return harness.seconds(lambda: jax_by_hand.sweep(range(count), splits))


def processes(count: int, at_once: int) -> float:
    """Seconds per trial when each has a process of its own, `at_once` of them at a time."""

    def launch(trial: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "benchmarks.peers.jax_process", str(trial)]
        # One core each: a process that shares the machine with others must not take all of it.
        environment = {**os.environ, "JAX_NUM_CPU_DEVICES": "1"}
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)

    def run() -> None:
        for first in range(0, count, at_once):
            for process in [launch(first + i) for i in range(at_once)]:
                if process.wait():
                    raise RuntimeError("a trial in a process of its own failed")

    return harness.seconds(run) / count


def memory(count: int) -> float:
    """Peak MiB of a process that runs a sweep of so many trials."""
    command = [sys.executable, "-m", "benchmarks.sweep_throughput", MEMORY_FLAG, str(count)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(found.stdout.split()[-1])


def against_processes(count: int, ours_per_trial: float, quick: bool) -> list[Row]:
    """Fresh processes, measured on a few and extrapolated."""
    rows = []
    cores = os.cpu_count() or 1
    for at_once, target, how in ((1, 100, "one after another"), (cores, 60, "one per core")):
        measured = (1 if quick else 4) * at_once
        run = functools.partial(processes, measured, at_once)
        (timing,) = harness.alternate(1 if quick else REPEATS, run)
        note = f"{measured} processes measured, spread {harness.spread(timing)} s; extrapolated"
        rows.append(
            _row(
                f"{count} trials, compilation included",
                ours_per_trial * count,
                timing.median * count,
                f"a fresh process per trial, {how}",
                target,
                note,
            )
        )
    return rows


def against_torch(counts: Sequence[tuple[int, float, float | None, float | None]]) -> list[Row]:
    """A PyTorch loop in this process at its best thread count, measured on a few trials."""
    from benchmarks.peers import torch_loop

    measured = 6
    threads = range(1, (os.cpu_count() or 1) + 1)
    functions = [lambda n=n: torch_loop.seconds(range(measured), n) / measured for n in threads]
    timings = harness.alternate(REPEATS, *functions)
    best = min(range(len(timings)), key=lambda i: timings[i].median)
    timing = timings[best]
    against = f"a PyTorch loop, {threads[best]} thread(s)"
    note = f"{measured} trials measured, spread {harness.spread(timing)} s each; extrapolated"
    rows = []
    for count, total, running, target in counts:
        reference = timing.median * count
        rows.append(
            _row(f"{count} trials, compilation included", total, reference, against, target, note)
        )
        if running is not None:
            rows.append(
                _row(f"{count} trials, running only", running, reference, against, 10, note)
            )
    return rows


def in_flight() -> list[Row]:
    """Trials per second by the number in flight, against one at a time."""
    rows = []
    base = None
    for lanes in (1, 4, 16, 64, 256, 1024):
        _, running = ours(lanes, lanes)
        rate = lanes / running
        base = base or rate
        rows.append(
            Row(
                f"{lanes} trials in flight, running only",
                rate,
                base,
                "one trial in flight",
                "trials/s",
                rate / base,
                None,
            )
        )
    return rows


def measure(quick: bool) -> list[Row]:
    """All rows that this machine can show."""
    import jax

    count, few = (128, 16) if quick else (1500, 64)
    repeats = 1 if quick else REPEATS
    running: list[float] = []

    def run_ours() -> float:
        total, without = ours(count)
        running.append(without)
        return total

    total, hand = harness.alternate(repeats, run_ours, lambda: by_hand(count))
    note = f"{repeats} alternating; ours {harness.spread(total)} s, theirs {harness.spread(hand)} s"
    rows = [
        _row(
            f"{count} trials, compilation included",
            total.median,
            hand.median,
            "the shortest hand-written JAX program",
            0.95,
            note,
        )
    ]
    if jax.local_devices()[0].platform != "cpu":
        return rows + in_flight()
    (small,) = harness.alternate(repeats, lambda: ours(few)[0])
    rows += against_processes(count, total.median / count, quick)
    rows += _torch_rows(count, few, total, small, sorted(running)[len(running) // 2])
    low, high = (32, 64) if quick else (512, 4096)
    peaks = [memory(low), memory(high)]
    rows.append(
        Row(
            f"peak memory of {high} trials",
            peaks[1],
            peaks[0],
            f"{low} trials",
            "MiB",
            peaks[0] / peaks[1],
            1 / 1.2,
            "a process each",
        )
    )
    return rows


def _torch_rows(count: int, few: int, total: Timing, small: Timing, running: float) -> list[Row]:
    try:
        import torch  # noqa: F401
    except ImportError:
        print("PyTorch is not installed: its rows are left out (make parity brings it)")
        return []
    return against_torch([(count, total.median, running, 9), (few, small.median, None, 4)])


def _row(
    case: str, ours: float, reference: float, against: str, target: float | None, note: str
) -> Row:
    return Row(case, ours, reference, against, "s", reference / ours, target, note)


def _memory_of(count: int) -> Callable[[], None]:
    def run() -> None:
        ours(count)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

    return run


if __name__ == "__main__":
    if MEMORY_FLAG in sys.argv:
        _memory_of(int(sys.argv[-1]))()
    else:
        harness.main(__doc__ or "", measure)
