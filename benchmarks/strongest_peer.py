"""The digits trials against the strongest peer that we know, and against their matrix products.

The peer is `peers.torch_ensemble`: the trials of a chunk as one batched PyTorch program, at its
best chunk, threads and processes. As a script: a process of ours that says `ready`, and for each
line of its input, a number of trials, writes the seconds of a sweep of them and those without
compilation.
"""

import contextlib
import functools
import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchmarks import digits, harness, in_flight, products
from benchmarks.harness import Row, Timing
from jaxdl import _cpu

if TYPE_CHECKING:
    from benchmarks.peers.torch_ensemble import Way

EAGER, COMPILED = ("baddbmm", "torch.func"), ("compiled",)
CHUNKS, COMPILED_CHUNKS = (4, 8, 16, 32), (8, 16)
FEW_STEPS = 22
"""Of the short runs that find the fastest way: an epoch."""
OVER_ENSEMBLE, OVER_ENSEMBLE_COLD, OF_PRODUCTS = 2.6, 1.5, 0.85


def command(way: "Way") -> list[str]:
    """A process that trains this way."""
    return [sys.executable, "-m", "benchmarks.peers.torch_ensemble", json.dumps(way)]


OURS = [sys.executable, "-m", "benchmarks.strongest_peer"]


def fastest(kinds: Sequence[str], chunks: Sequence[int], repeats: int) -> "tuple[Way, int]":
    """The fastest way of these kinds, and in how many processes: threads of one, or one a core."""
    from benchmarks.peers.torch_ensemble import Way

    cores = _cpu.count()
    tried: dict[tuple[Way, int], float] = {}
    for kind in kinds:
        for chunk in chunks:
            for threads, processes in {(cores, 1), (1, cores)}:
                way = Way(kind, chunk, threads, FEW_STEPS)
                with harness.answering(command(way), processes) as ask:
                    ask(str(chunk))
                    taken = min(ask(str(chunk))[0] for _ in range(repeats))
                tried[way._replace(steps=digits.STEPS), processes] = taken / chunk / processes
    return min(tried, key=lambda key: tried[key])


def running(ways: "Sequence[tuple[Way, int]]", count: int, repeats: int) -> Iterator[Row]:
    """Rows of many trials when all is compiled, and of the products that they need."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(harness.answering(OURS))
        asks = [
            stack.enter_context(harness.answering(command(way), processes))
            for way, processes in ways
        ]
        for ask, (way, _) in zip(asks, ways, strict=True):
            ask(str(way.chunk))
        mine, limit, *timings = harness.alternate(
            repeats,
            lambda: ours(str(count))[1],
            products.seconds,
            *(
                lambda ask=ask, processes=processes: ask(str(count // processes))[0]
                for ask, (_, processes) in zip(asks, ways, strict=True)
            ),
        )
    yield from _ranked(f"{count} trials, running only", mine, ways, timings, OVER_ENSEMBLE)
    step = mine.median * _cpu.count() / count / digits.STEPS
    yield Row(
        "a step of a trial on its core, running only",
        1e6 * step,
        1e6 * limit.median,
        "its matrix products alone, on all cores at once",
        "µs",
        limit.median / step,
        OF_PRODUCTS,
        f"these reach {products.FLOPS / limit.median / 1e9:.3g} GFLOP/s a core",
    )


def cold(ways: "Sequence[tuple[Way, int]]", count: int, repeats: int) -> Iterator[Row]:
    """Rows of few trials by processes that have begun and compiled nothing."""

    def measure(line: list[str], processes: int) -> float:
        with harness.answering(line, processes) as ask:
            return ask(str(count // processes))[0]

    mine, *timings = harness.alternate(
        repeats,
        lambda: measure(OURS, 1),
        *(functools.partial(measure, command(way), processes) for way, processes in ways),
    )
    case = f"{count} trials, cold compilation included, processes started"
    yield from _ranked(case, mine, ways, timings, OVER_ENSEMBLE_COLD)


def rows(quick: bool) -> Iterator[Row]:
    """All of them; none where PyTorch is missing."""
    try:
        from benchmarks.peers import torch_ensemble  # noqa: F401
    except ImportError:
        print("peer absent: PyTorch, the strongest of them (make parity brings it)")
        return
    repeats = 1 if quick else 3
    ways = [fastest(EAGER[:1] if quick else EAGER, (8,) if quick else CHUNKS, repeats)]
    if not quick:
        ways.append(fastest(COMPILED, COMPILED_CHUNKS, repeats))
    yield from running(ways, 32 if quick else 128, repeats)
    yield from cold(ways, 16 if quick else 64, repeats)


def _ranked(
    case: str,
    ours: Timing,
    ways: "Sequence[tuple[Way, int]]",
    timings: Sequence[Timing],
    target: float,
) -> list[Row]:
    """A row for each way, the strongest first: it alone has the target."""
    found = [
        harness.timed(
            case, ours, theirs, f"one PyTorch ensemble, {way}, {processes} process(es)", "s"
        )
        for (way, processes), theirs in zip(ways, timings, strict=True)
    ]
    first, *rest = sorted(found, key=lambda row: row.ratio)
    return [first._replace(target=target), *rest]


if __name__ == "__main__":
    import jax

    digits.sweep_of(1)  # imports what there is to be imported
    jax.devices()
    print("ready", flush=True)
    for line in sys.stdin:
        print(*in_flight.seconds(digits.sweep_of(int(line))), flush=True)
