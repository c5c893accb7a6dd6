"""What is to be said of a run in a line, read from its workdir without JAX or pandas."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl import _bests as bests
from jaxdl import _workdir as names
from jaxdl.console import activity

DONE, RUNNING, FAILED = "done", "running", "failed"
INTERRUPTED, UNFINISHED, NEVER_BEGUN = "interrupted", "unfinished", "never begun"
"""Unfinished: where nobody tells whether a process is at work there."""
SIGNS = {names.LOCK_OF_SWEEP, names.LEDGER, names.METRICS}
"""Files that only a run has, beside an environment that names its experiment."""
_OURS = "experiment"
"""What an environment names that is of a run."""
UNDER_WAY = {names.CURVES_OF_CHUNKS, names.CHECKPOINTS, names.CHUNKS, names.RUNGS}
"""Folders that a sweep leaves when it is interrupted, and removes when it is done."""
Entries = Mapping[str, "os.DirEntry[str]"]
Rows = list[dict[str, Any]]


class Run(NamedTuple):
    """A run, in a line.

    touched: when something in its workdir was written last, in seconds since 1970.
    done, planned: trials, or steps of training on a stream, as `unit` says; planned is None where
        it is not known.
    """

    workdir: str
    status: str
    touched: float
    done: int
    planned: int | None
    unit: str
    metric: str
    best: float | None


def of(workdir: Path) -> Run | None:
    """The run of a folder; None where it holds none. Raises OSError."""
    entries = _entries(str(workdir))
    return _run(str(workdir), entries, activity.held()) if _is_run(str(workdir), entries) else None


def below(root: Path) -> Iterator[Run]:
    """Every run in a folder and below it, but for what lies inside of runs and hidden folders."""
    locks, waiting = activity.held(), [str(root)]
    while waiting:
        folder = waiting.pop()
        try:
            entries = _entries(folder)
            if _is_run(folder, entries):
                yield _run(folder, entries, locks)
                continue
        except OSError:  # removed just now, or not ours to read
            continue
        inner = [entry for name, entry in entries.items() if not name.startswith(".")]
        waiting += [entry.path for entry in inner if entry.is_dir(follow_symlinks=False)]


def _entries(folder: str) -> Entries:
    with os.scandir(folder) as found:
        return {entry.name: entry for entry in found}


def _is_run(folder: str, entries: Entries) -> bool:
    if SIGNS & entries.keys():
        return True
    # Other programs have files of this name too.
    return names.ENVIRONMENT in entries and _OURS in _read(folder, names.ENVIRONMENT)


def _run(folder: str, entries: Entries, locks: Mapping[str, int] | None) -> Run:
    facts: Mapping[str, Any] = {}
    if names.METRICS in entries:
        rows, unit = _rows(folder, names.METRICS), "steps"
        planned = _read(folder, names.CONFIG).get("steps")
        done = max((row["step"] for row in rows), default=0)
        measured = [*dict.fromkeys(name for row in rows for name in row)]
        status = _of_stream(entries, rows, planned)
    else:
        facts, rows, unit = _read(folder, names.ENVIRONMENT), _trials(folder, entries), "trials"
        planned = facts.get("trials")
        done = sum(row.get("status") != "error" for row in rows)
        measured = next(filter(None, map(bests.measured, reversed(rows))), [])
        status = _of_sweep(entries, rows, facts)
    if locks is not None and activity.worker(folder, locks) is not None:
        status = RUNNING
    elif locks is None and status != DONE and "failed" not in facts:
        status = UNFINISHED  # a trial that failed does not end the others
    metric = bests.headline(measured)
    return Run(
        folder,
        status,
        _touched(entries),
        done,
        planned if isinstance(planned, int) else None,
        unit,
        metric,
        bests.best(metric, [row.get(metric) for row in rows]),
    )


def _touched(entries: Entries) -> float:
    """Of what is still there: whoever works there removes what was listed a moment ago."""
    found = [0.0]
    for entry in entries.values():
        with contextlib.suppress(OSError):
            found.append(entry.stat(follow_symlinks=False).st_mtime)
    return max(found)


def _of_sweep(entries: Entries, rows: Rows, facts: Mapping[str, Any]) -> str:
    if names.VERDICT in entries:
        return DONE
    if "failed" in facts or any(row.get("status") == "error" for row in rows):
        return FAILED
    if not rows and not UNDER_WAY & entries.keys():
        return NEVER_BEGUN
    # A sweep from Python has no verdict: it is done when its curves are gathered.
    from_python = _OURS not in facts and names.CURVES in entries
    return DONE if from_python and not UNDER_WAY & entries.keys() else INTERRUPTED


def _of_stream(entries: Entries, rows: Rows, planned: object) -> str:
    if names.CHECKPOINTS not in entries:
        return INTERRUPTED if rows else NEVER_BEGUN
    last = f"step_{planned:08d}" if isinstance(planned, int) else ""
    saved = os.path.join(entries[names.CHECKPOINTS].path, last, "seal.json")
    return DONE if os.path.isfile(saved) else INTERRUPTED


def _trials(folder: str, entries: Entries) -> Rows:
    """Of the ledger, and of those of workers that are not merged into it yet."""
    rows = _rows(folder, names.LEDGER)
    if names.CHUNKS in entries:
        with contextlib.suppress(OSError):  # merged just now
            places = sorted(entry.path for entry in os.scandir(entries[names.CHUNKS].path))
            rows += [row for place in places for row in _rows(place, names.LEDGER)]
    return list({row["trial"]: row for row in reversed(rows)}.values())[::-1]


def _read(folder: str, name: str) -> Mapping[str, Any]:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return dict(json.loads(file.read()))
    except (OSError, ValueError, TypeError):
        return {}


def _rows(folder: str, name: str) -> Rows:
    """The lines that are rows: of those that are not, `jaxdl verify` tells."""
    try:
        with open(os.path.join(folder, name), "rb") as file:
            lines: Sequence[bytes] = file.read().split(b"\n")[:-1]
    except OSError:
        return []
    key, kind = ("step", int) if name == names.METRICS else ("trial", str)
    found = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get(key), kind):
            found.append(row)
    return found
