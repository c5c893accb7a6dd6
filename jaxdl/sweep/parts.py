"""Chunks that workers run elsewhere: each is a small sweep in a folder of its own.

A driver describes a chunk in `chunks/NAME/chunk.json`; a worker runs it in that folder, which it
locks and where nobody else writes; what it has found is moved into the ledger of the sweep. A trial
that has a row there already does not get a second one, however often its chunk was run.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl import checkpoint
from jaxdl._files import write_atomic
from jaxdl.sweep import ledger, store
from jaxdl.sweep.conditions import ForeignRows
from jaxdl.sweep.fingerprint import Facts, differences, recall, remember
from jaxdl.sweep.space import Trial, trial_id

SPEC, LOCK = "chunk.json", ".sweep.lock"


class Part(NamedTuple):
    """What a worker is asked for: trials of one program.

    size: of the program's full chunks; of: all trials of the program. The lanes follow from them,
    and not from what happens to be left. together: rows are of use only when all are there, since
    the trials prune each other.
    """

    trials: Sequence[Trial]
    size: int
    of: int
    together: bool = False


class Found(NamedTuple):
    """done: ids of trials that have a row. made: under which conditions, by program."""

    done: set[str]
    made: dict[str, Facts]


def found(workdir: Path) -> Found:
    """What the ledger holds, but for rows of programs that failed."""
    rows = [row for row in ledger.read(workdir / store.LEDGER) if row["status"] != "error"]
    known = recall(workdir)
    made = {row["program"]: known[row["fingerprint"]] for row in rows}
    return Found({row["trial"] for row in rows}, made)


def folder(workdir: Path, name: str) -> Path:
    """Of a chunk."""
    return workdir / store.CHUNKS / name


def write(workdir: Path, name: str, part: Part) -> None:
    """Describes a chunk to whoever runs it."""
    place = folder(workdir, name)
    place.mkdir(parents=True, exist_ok=True)
    write_atomic(place / SPEC, json.dumps(part._asdict()) + "\n")


def read(workdir: Path, name: str) -> Part | None:
    """What `write` wrote; None where it has been merged since."""
    try:
        described = json.loads((folder(workdir, name) / SPEC).read_text())
    except FileNotFoundError:
        return None
    return Part(**{**described, "trials": [Trial(*trial) for trial in described["trials"]]})


def merge(workdir: Path, name: str, so_far: Found, partly: bool = False) -> bool:
    """Moves a chunk's rows into the ledger, with curves, kept states, conditions and clock.

    so_far: of the ledger; it is brought up to date. partly: take what there is of a chunk that has
    not ended, too. Returns whether the chunk has ended and is gone; one that somebody works on, or
    that a worker has died over, stays. Raises ForeignRows where its rows were made under conditions
    that differ from those of the program's other rows.
    """
    place, part = folder(workdir, name), read(workdir, name)
    if part is None:
        return True
    try:
        with checkpoint.lock(place, LOCK):
            rows = ledger.read(place / store.LEDGER)
            # What a driver was killed over has its rows in the ledger, and none here.
            there = so_far.done | {row["trial"] for row in rows}
            ended = {trial_id(trial) for trial in part.trials} <= there
            fresh = [row for row in rows if row["trial"] not in so_far.done]
            if fresh and (ended or (partly and not part.together)):
                _move(workdir, place, fresh, so_far)
            if ended:
                shutil.rmtree(place, ignore_errors=True)
            return ended
    except checkpoint.WorkdirBusy:
        return False


def merge_all(workdir: Path) -> None:
    """Moves into the ledger what workers of earlier launches have found."""
    if (workdir / store.CHUNKS).is_dir():
        so_far = found(workdir)._replace(made={})  # `settle` compares all of them
        for spec in sorted((workdir / store.CHUNKS).glob(f"*/{SPEC}")):
            merge(workdir, spec.parent.name, so_far, partly=True)


def _move(workdir: Path, place: Path, rows: Sequence[ledger.Row], so_far: Found) -> None:
    """In an order in which a kill at any moment loses nothing, and doubles nothing either."""
    known = recall(place)
    for row in rows:
        if row["status"] != "error":
            _check(row, known[row["fingerprint"]], so_far.made)
    for each in dict.fromkeys(row["fingerprint"] for row in rows if "fingerprint" in row):
        remember(workdir, known[each])
    store.take_over(workdir, place, rows[0]["trial"])
    ledger.append(workdir / store.LEDGER, rows)
    so_far.done.update(row["trial"] for row in rows)
    (place / store.LEDGER).unlink(missing_ok=True)
    store.take_over_clock(workdir, place)


def _check(row: Mapping[str, Any], facts: Facts, made: dict[str, Facts]) -> None:
    other = differences(made.setdefault(row["program"], facts), facts)
    if other:
        raise ForeignRows(
            f"workers differ: trial {row['trial']} of {row['program']} was run under other "
            f"conditions than its rows in the ledger: {'; '.join(other)}"
        )
