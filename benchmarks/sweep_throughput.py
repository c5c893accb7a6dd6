"""How fast a sweep is: 500-step trials of a digits MLP with Adam, against other ways to run them.

Against one batched PyTorch ensemble (`strongest_peer`) first, then the shortest JAX program for
the same trials, a fresh process per trial, and a PyTorch loop; peak memory by the number of trials;
on an accelerator, trials/s by the number in flight.
"""

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

from benchmarks import digits, harness, in_flight, strongest_peer
from benchmarks.harness import Row, Timing
from jaxdl import _cpu

REPEATS = 3
FEW_STEPS = 20
LANES = (1, 4, 16, 64, 256, 1024, 4096)
MEMORY_FLAG = "--measure-memory-of"


def ours(count: int, steps: int = digits.STEPS) -> tuple[float, float]:
    """Seconds of a sweep with everything that belongs to it, and those without compilation."""
    return in_flight.seconds(digits.sweep_of(count, steps))


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


def torch_seconds(threads: int, fused: bool) -> float:
    """Seconds per trial of the PyTorch loop."""
    from benchmarks.peers import torch_loop

    return torch_loop.seconds(range(4), threads, fused) / 4


def peers(quick: bool) -> dict[str, tuple[Callable[[], float], str]]:
    """Seconds per trial of each peer, measured on a few trials, and how many they were."""
    few = 1 if quick else 3
    found: dict[str, tuple[Callable[[], float], str]] = {
        "a fresh process per trial, one after another": (
            functools.partial(processes, few, 1),
            f"{few} processes",
        ),
        "a fresh process per trial, one per core": (
            functools.partial(processes, few * _cpu.count(), _cpu.count()),
            f"{few * _cpu.count()} processes",
        ),
    }
    try:
        import torch  # noqa: F401
    except ImportError:
        print("PyTorch is not installed: its rows are left out (make parity brings it)")
        return found
    for adam, fused in TORCH.items():
        for threads in range(1, _cpu.count() + 1):
            measured = functools.partial(torch_seconds, threads, fused)
            found[f"{adam}, {threads} thread(s)"] = (measured, "4 trials")
    return found


TORCH = {"a PyTorch loop, Adam as it comes": False, "a PyTorch loop, Adam fused": True}
TARGETS = {"one after another": 100.0, "one per core": 60.0, "PyTorch": 9.0}


def measure(quick: bool) -> Iterator[Row]:
    """All rows that this machine can show; all contenders are measured in turn."""
    import jax

    on_cpu = jax.local_devices()[0].platform == "cpu"
    if not on_cpu:
        yield from in_flight.rows("trials", digits.sweep_of, LANES[:3] if quick else LANES, None)
    else:
        yield from strongest_peer.rows(quick)
    count, few = (128, 16) if quick else (1500, 64)
    # Nobody else is on an accelerator.
    repeats = REPEATS if on_cpu and not quick else 1
    running: list[float] = []

    def run_ours() -> float:
        total, without = ours(count)
        running.append(without)
        return total

    others = peers(quick) if on_cpu else {}
    timings = harness.alternate(
        repeats,
        run_ours,
        lambda: by_hand(count),
        lambda: ours(few)[0],
        *(function for function, _ in others.values()),
    )
    total, hand, small, *rest = timings
    note = f"{repeats} rounds; ours {harness.spread(total)} s, theirs {harness.spread(hand)} s"
    case = f"{count} trials, compilation included"
    against = "the shortest hand-written JAX program"
    yield _row(case, total.median, hand.median, against, 0.95, note)
    if not on_cpu:
        return
    rows: list[Row] = []
    torch_rows: list[Row] = []
    for (name, (_, measured)), timing in zip(others.items(), rest, strict=True):
        note = f"{measured} a round, {harness.spread(timing)} s each, extrapolated"
        target = next(target for part, target in TARGETS.items() if part in name)
        row = _row(case, total.median, timing.median * count, name, target, note)
        (torch_rows if "PyTorch" in name else rows).append(row)
    for adam in TORCH:
        by_threads = [row for row in torch_rows if row.against.startswith(adam)]
        if by_threads:
            best = min(by_threads, key=lambda row: row.ratio)
            rows += _against_torch(best, count, few, small, running)
    yield from rows
    yield _memory_row(*((32, 64) if quick else (512, 4096)))


def _against_torch(
    best: Row, count: int, few: int, small: Timing, running: list[float]
) -> list[Row]:
    """The rows against PyTorch at its best thread count."""
    each = best.reference / count
    without = sorted(running)[len(running) // 2]
    return [
        best,
        _row(f"{count} trials, running only", without, best.reference, best.against, 10, best.note),
        _row(
            f"{few} trials, compilation included",
            small.median,
            each * few,
            best.against,
            4,
            best.note,
        ),
    ]


def _memory_row(low: int, high: int) -> Row:
    """Peak memory of two sweeps of short trials, a process each."""
    peaks = [memory(low), memory(high)]
    case, note = f"peak memory of {high} trials", f"a process each, trials of {FEW_STEPS} steps"
    ratio = peaks[0] / peaks[1]
    return Row(case, peaks[1], peaks[0], f"{low} trials", "MiB", ratio, 1 / 1.2, note)


def _row(
    case: str, ours: float, reference: float, against: str, target: float | None, note: str
) -> Row:
    return Row(case, ours, reference, against, "s", reference / ours, target, note)


if __name__ == "__main__":
    if MEMORY_FLAG in sys.argv:
        ours(int(sys.argv[-1]), steps=FEW_STEPS)
        print(harness.peak_memory())
    else:
        harness.main(__doc__ or "", measure)
