"""What all benchmarks share: alternating measurement, rows, the machine, the command line."""

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from jaxdl import _cpu
from jaxdl._files import write_atomic

REST = 0.05
"""Seconds before a measurement that takes turns."""
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}
"""By the name that Linux gives them, the widest first."""


class Timing(NamedTuple):
    """Median, lowest and highest of several measurements."""

    median: float
    low: float
    high: float


class Row(NamedTuple):
    """One comparison. `ratio`: how many times faster (or smaller) ours is; higher is better.

    target: the least ratio asked for; None where nothing is promised. note: how it was measured.
    """

    case: str
    ours: float
    reference: float
    against: str
    unit: str
    ratio: float
    target: float | None
    note: str = ""

    def to_json(self, facts: dict[str, Any]) -> dict[str, Any]:
        """The row with its verdict and the machine it was measured on."""
        met = None if self.target is None else self.ratio >= self.target
        return {**self._asdict(), "met": met, **facts}


def seconds(function: Callable[[], Any]) -> float:
    """Wall-clock seconds of one call."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def alternate(repeats: int, *functions: Callable[[], float]) -> list[Timing]:
    """Measures functions in turn, so that a slow minute of the machine hits all of them alike.

    To and fro, with a rest before each: threads of the one before may still wait for work, as
    OpenMP's do, in which they take a core from whoever comes next.
    """
    found: list[list[float]] = [[] for _ in functions]
    turns = list(zip(found, functions, strict=True))
    for _ in range(repeats):
        for values, function in turns:
            time.sleep(REST)
            values.append(function())
        turns.reverse()
    return [timing(values) for values in found]


def timing(values: Sequence[float]) -> Timing:
    """Median, lowest and highest."""
    return Timing(statistics.median(values), min(values), max(values))


def spread(timing: Timing, digits: int = 3) -> str:
    """`low–high`, for a note."""
    return f"{timing.low:.{digits}g}–{timing.high:.{digits}g}"


def spread_ms(timing: Timing) -> str:
    """`low–high ms`, of seconds."""
    return spread(Timing(*(1e3 * value for value in timing))) + " ms"


def timed(
    case: str,
    ours: Timing,
    theirs: Timing,
    against: str,
    unit: str = "ms",
    target: float | None = None,
    note: str = "",
) -> Row:
    """The row of two measurements in seconds, shown in `s` or `ms`, with their spreads."""
    scale = {"s": 1.0, "ms": 1e3}[unit]
    mine, other = (Timing(*(scale * value for value in each)) for each in (ours, theirs))
    spreads = f"ours {spread(mine)} {unit}, theirs {spread(other)} {unit}"
    note = f"{note}; {spreads}" if note else spreads
    ratio = theirs.median / ours.median
    return Row(case, mine.median, other.median, against, unit, ratio, target, note)


def within(case: str, found: Timing, limit: float, against: str, note: str = "") -> Row:
    """The row of a measurement in seconds that is to take no longer than a limit."""
    spreads = f"{spread(found)} s"
    note = f"{note}; {spreads}" if note else spreads
    return Row(case, found.median, limit, against, "s", limit / found.median, 1, note)


@contextlib.contextmanager
def answering(
    command: Sequence[str], count: int = 1, environment: Mapping[str, str] | None = None
) -> Iterator[Callable[[str], list[float]]]:
    """Processes that run side by side, ready: `ask(line) -> numbers`, of each the largest.

    command: says a line when it is ready, and for each line of its input one of numbers.
    environment: variables for it beside those of this process.
    """
    pipe = subprocess.PIPE
    variables = {**os.environ, **(environment or {})}
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, text=True, bufsize=1, env=variables
                )
            )
            for _ in range(count)
        ]
        asks = [cast(IO[str], process.stdin) for process in started]
        answers = [cast(IO[str], process.stdout) for process in started]

        def hear() -> list[list[str]]:
            lines = [answer.readline().split() for answer in answers]
            if not all(lines):
                raise RuntimeError(f"a process ended without an answer: {' '.join(command)}")
            return lines

        def ask(line: str) -> list[float]:
            for each in asks:
                each.write(f"{line}\n")
            return [max(map(float, numbers)) for numbers in zip(*hear(), strict=True)]

        hear()
        yield ask


def peak_memory() -> float:
    """MiB that this process has held at most.

    From /proc (Linux): what `getrusage` tells of a child is at least what its parent held.
    """
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return float(line.split()[1]) / 1024


def _cores() -> str:
    """How many, and their widest vectors: cores of one name differ in them."""
    path = Path("/proc/cpuinfo")
    known = path.read_text().split() if path.is_file() else []
    widest = next((name for flag, name in VECTORS.items() if flag in known), "")
    return f"{_cpu.count()} cores{widest and f' with {widest}'}"


def machine() -> dict[str, Any]:
    """Device, versions and date."""
    import jax

    from jaxdl.sweep.fingerprint import device_name

    devices = jax.local_devices()
    name = device_name(devices[0])
    on_cpu = devices[0].platform == "cpu"
    kind = f"{name}, {_cores()}" if on_cpu else f"{len(devices)} × {name}"
    versions = {name: importlib.metadata.version(name) for name in ("jax", "flax", "optax")}
    described = ", ".join(f"{name} {version}" for name, version in versions.items())
    return {
        "device": kind,
        "versions": f"Python {platform.python_version()}, {described}",
        "date": datetime.date.today().isoformat(),
    }


def main(doc: str, measure: Callable[[bool], Iterable[Row]]) -> None:
    """Runs `measure(quick)` and prints its rows as they come; `--json=FILE` keeps them too.

    A measurement that is ended half-way leaves the file with the rows that it has given.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a first look")
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    arguments = parser.parse_args()
    facts = machine()
    print(f"{facts['device']} · {facts['versions']} · {facts['date']}", flush=True)
    rows = []
    for row in measure(arguments.quick):
        rows.append(row.to_json(facts))
        print(describe(rows[-1]), flush=True)
        if arguments.json:
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(arguments.json, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def describe(row: dict[str, Any]) -> str:
    """One line of text."""
    target = "" if row["target"] is None else f" (target {row['target']:g}, met: {row['met']})"
    values = f"{row['ours']:.4g} against {row['reference']:.4g} {row['unit']}"
    return f"{row['case']}: {values} · {row['ratio']:.2f}× {row['against']}{target}"
