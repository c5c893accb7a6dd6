"""`jaxdl watch`: how a sweep, or training on a stream, goes on. Reads alone, locks nothing."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from jaxdl import _bests as bests
from jaxdl import report
from jaxdl._bests import is_number
from jaxdl._errors import UserError
from jaxdl._text import clean
from jaxdl._workdir import CONFIG, ENVIRONMENT
from jaxdl.console import runs
from jaxdl.console.activity import worker
from jaxdl.report.tables import cell_of, drawing, label, measure, number
from jaxdl.streaming.log import ROWS
from jaxdl.sweep import ledger, store

SECONDS = 1.0
BARS, WIDTH = "▁▂▃▄▅▆▇█", 30
Rows = Sequence[Mapping[str, Any]]


def run(workdir: Path, once: bool = False) -> int:
    """Shows frames until the run is over; one where the output is no terminal.

    Raises UserError where there is no run.
    """
    if not workdir.is_dir():
        raise UserError(f"{workdir} is no folder")
    if runs.of(workdir) is None:
        raise UserError(f"{workdir} holds no run; jaxdl list {workdir} tells of those below it")
    console = Console(highlight=False)
    if once or not console.is_terminal:
        console.print(frame(workdir, console, _status(workdir)))
        return 0
    try:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                status = _status(workdir)  # asked first, so that the last frame has all
                live.update(frame(workdir, console, status), refresh=True)
                if status not in (runs.RUNNING, runs.UNFINISHED):
                    return 0
                time.sleep(SECONDS)
    except KeyboardInterrupt:
        return 0


def _status(workdir: Path) -> str:
    """As `jaxdl list` says it."""
    run = runs.of(workdir)
    return runs.NEVER_BEGUN if run is None else run.status


def _in_words(workdir: Path, status: str) -> str:
    """The status, and of a run that goes on its process."""
    busy = worker(workdir) if status == runs.RUNNING else None
    return status if busy is None else f"process {busy} at work"


def frame(workdir: Path, console: Console, status: str) -> Group:
    """What there is to see now, of a run of that status."""
    if (workdir / ROWS).exists():  # from the beginning on, though there are no rows yet
        steps = read_metrics(workdir)
        head, table = _head_of_stream(workdir, steps, status), of_stream(steps)
    else:
        rows = _rows(workdir)
        head, table = _head(workdir, len(rows), status), of_sweep(rows)
    return Group(Text(clean(head)), drawing(table, console))


def _head_of_stream(workdir: Path, steps: Rows, status: str) -> str:
    asked, done = _read(workdir / CONFIG).get("steps", "?"), steps[-1]["step"] if steps else 0
    return f"{workdir}: {_in_words(workdir, status)}, step {done} of {asked}{_saved(workdir)}"


def _head(workdir: Path, done: int, status: str) -> str:
    asked = _read(workdir / ENVIRONMENT).get("trials")
    counted = f"{done}{f' of {asked}' if asked else ''} trials"
    text = f"{workdir}: {_in_words(workdir, status)}, {counted}"
    seconds = sum(n.get("running", 0) + n.get("compiling", 0) for n in store.read_clock(workdir))
    # Of several workers the clock has the seconds of all.
    shared = (workdir / store.CHUNKS).is_dir()
    if done and seconds:
        text += f", {done / seconds:.3g} a second{' of a worker' * shared}"
    if done and seconds and isinstance(asked, int) and status == runs.RUNNING and not shared:
        text += f", about {max(0, asked - done) * seconds / done / 60:.1f} minutes left"
    return text + _saved(workdir)


def _saved(workdir: Path) -> str:
    """The newest checkpoint, by its name; of a chunk in flight the step is a segment."""
    found = sorted((workdir / store.CHECKPOINTS).rglob("step_*/seal.json"))
    if not found:
        return ""
    name = max(path.parent.name for path in found if not path.parent.name.startswith("."))
    return f", saved {name.replace('_', ' ')}"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def _rows(workdir: Path) -> Rows:
    try:
        return store.rows(workdir)
    except ledger.LedgerError as error:
        raise UserError(str(error)) from None


def read_metrics(workdir: Path) -> Rows:
    """The rows of `metrics.jsonl` that are whole."""
    path = workdir / ROWS
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    try:
        return [row for row in map(json.loads, lines) if "step" in row]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} holds a line that is no row of metrics: {error}") from None


def of_sweep(rows: Rows) -> report.Table:
    """Programs with their trials, and the metric to tell of, in the order of trials."""
    programs = dict.fromkeys(str(row.get("program")) for row in rows)
    measured = next(filter(None, map(bests.measured, reversed(rows))), [])
    metric = bests.headline(measured)
    best, cell = _written(metric, f"best {label(metric)}".strip())
    body = []
    for program in programs:
        mine = [row for row in rows if str(row.get("program")) == program]
        statuses = Counter(str(row.get("status")) for row in mine)
        words = ", ".join(f"{count} {status}" for status, count in statuses.items())
        values = [row.get(metric) for row in mine]
        body.append((program, words, cell(bests.best(metric, values)), sparkline(values)))
    header = ("program", "trials", best, "trial by trial")
    return report.Table(header, tuple(body), frozenset({2}))


def of_stream(steps: Rows) -> report.Table:
    """Metrics of training, each with its course."""
    names = dict.fromkeys(name for row in steps for name in row if name != "step")
    body = []
    for name in names:
        values = [row[name] for row in steps if is_number(row.get(name))]
        if values:
            words, cell = _written(name, name)
            best = cell(bests.best(name, values))
            body.append((words, cell(values[-1]), best, sparkline(values)))
    return report.Table(("metric", "last", "best", "step by step"), tuple(body), frozenset({1, 2}))


def _written(metric: str, name: str) -> tuple[str, Callable[[float | None], str]]:
    """The name with the metric's unit, and how its values are written."""
    kind = bests.kind(metric)
    return (measure(name, kind.unit), cell_of(kind)) if kind else (name, number)


def sparkline(values: Sequence[Any], width: int = WIDTH) -> str:
    """Values from their lowest to their highest as bars, means of neighbours where there are many.

    What is not a finite number is a gap.
    """
    count = min(width, len(values))
    parts = [
        values[len(values) * n // count : len(values) * (n + 1) // count] for n in range(count)
    ]
    known = [[v for v in part if is_number(v) and math.isfinite(v)] for part in parts]
    means = [sum(part) / len(part) if part else None for part in known]
    there = [mean for mean in means if mean is not None]
    low, high = min(there, default=0.0), max(there, default=0.0)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if m is None else BARS[round((m - low) * scale)] for m in means)
