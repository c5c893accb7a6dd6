"""A sweep on disk: rows, curves, and the state of the chunk in flight."""

import contextlib
import io
import json
import operator
import os
import shutil
import warnings
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdl import checkpoint
from jaxdl._files import write_atomic
from jaxdl._workdir import (
    CHECKPOINTS,
    CHUNKS,
    CLOCK,
    CURVES,
    CURVES_OF_CHUNKS,
    LEDGER,
    STATES,
)
from jaxdl.sweep import chunk as chunks
from jaxdl.sweep import ledger
from jaxdl.sweep.chunk import Record
from jaxdl.sweep.compilation import Program
from jaxdl.sweep.fingerprint import fingerprint, remember
from jaxdl.sweep.space import Trial, trial_id
from jaxdl.types import PyTree

LOOK = ": before any update, so look at labels (data.check.check_arrays) and initial outputs"


def save(
    workdir: Path,
    trials: Sequence[Trial],
    segment: int,
    state: PyTree,
    record: Record,
    facts: Mapping[str, Any],
) -> None:
    """Writes the state of a chunk after `segment` segments."""
    meta = {"trials": [trial_id(trial) for trial in trials]}
    checkpoint.save(_state_directory(workdir, trials, facts), segment, (state, record), meta)


def resume(
    workdir: Path,
    trials: Sequence[Trial],
    program: Program,
    record: Record,
    facts: Mapping[str, Any],
) -> tuple[int, Any, Record] | None:
    """Segment, state and record of a chunk as `save` left them; None if it has to begin anew.

    record: a blank one, for its shapes. A state written under other versions, devices or lanes is
    not used: its bits would not be those of one uninterrupted run. Nor is one that is damaged: the
    chunk begins anew, with a warning.
    """
    directory = _state_directory(workdir, trials, facts)
    if not directory.is_dir():
        return None
    try:
        found = checkpoint.restore(directory, (program.state, record))
    except checkpoint.CheckpointError as error:
        warnings.warn(f"a chunk begins anew: {error}", stacklevel=2)
        return None
    if found is None or found.meta != {"trials": [trial_id(trial) for trial in trials]}:
        return None
    segment, (state, record), _ = found
    record = jax.tree.map(np.array, record)  # writable
    return segment, state, record


def finish(
    workdir: Path,
    trials: Sequence[Trial],
    record: Record,
    facts: Mapping[str, Any],
    labels: Mapping[str, str],
    hint: str = "",
    keep_curves: bool = True,
) -> None:
    """Writes a finished chunk: its curves, then its rows, then drops its state.

    hint: said of trials that diverged. keep_curves: those of training, beside the evaluations.
    """
    names = np.array([trial_id(trial) for trial in trials])
    curves = {**(record.curves if keep_curves else {}), **record.evaluations}
    _write_npz(_curves_directory(workdir) / f"{names[0]}.npz", {"trial": names, **curves})
    common = {
        "lanes": facts["lanes"],
        "code": facts["code"],
        "fingerprint": remember(workdir, facts),
    }
    outcomes = [chunks.outcome(record, lane) for lane in range(len(trials))]
    for outcome in outcomes:
        if outcome["status"] == "diverged":
            outcome["message"] += hint or (LOOK if outcome["diverged_at"] == 1 else "")
    rows = [
        row(trial, labels, outcome, common) for trial, outcome in zip(trials, outcomes, strict=True)
    ]
    ledger.append(workdir / LEDGER, rows)
    drop(workdir, trials, facts)


def drop(workdir: Path, trials: Sequence[Trial], facts: Mapping[str, Any]) -> None:
    """Removes what `save` wrote of a chunk."""
    shutil.rmtree(_state_directory(workdir, trials, facts), ignore_errors=True)


def clock(workdir: Path, program: str, **measured: float) -> None:
    """Notes seconds of `compiling` a program, or of `running` so many `steps` of its trials."""
    with open(workdir / CLOCK, "a") as file:
        file.write(json.dumps({"program": program, **measured}) + "\n")


def read_clock(workdir: Path) -> list[dict[str, Any]]:
    """What `clock` noted; nothing of a line that a process died over."""
    path, noted = workdir / CLOCK, []
    for line in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            noted.append(json.loads(line))
    return noted


def row(
    trial: Trial,
    labels: Mapping[str, str],
    outcome: Mapping[str, Any],
    common: Mapping[str, Any],
) -> dict[str, Any]:
    """A ledger row: what was asked, what came out, under which conditions."""
    asked = {"trial": trial_id(trial), "program": trial.program, **labels, **trial.hparams}
    return {**asked, "seed": trial.seed, **outcome, **common}


def ledgers(workdir: Path) -> list[Path]:
    """The ledger, and those of workers that have not been merged into it yet."""
    return [workdir / LEDGER, *sorted((workdir / CHUNKS).glob(f"*/{LEDGER}"))]


def rows(workdir: Path) -> list[dict[str, Any]]:
    """Of the ledger, and of those of workers that are not merged into it yet; a line that is being
    written is none. Raises LedgerError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The ledger last: what is merged meanwhile is in it.
            read = [ledger.read(path) for path in reversed(ledgers(workdir))]
    except FileNotFoundError:  # merged just now
        return rows(workdir)
    return list({row["trial"]: row for found in reversed(read) for row in found}.values())


def pending(workdir: Path, trials: Sequence[Trial]) -> list[Trial]:
    """The trials that the ledger does not hold, or holds as failed; nor what workers wrote."""
    rows = [row for path in ledgers(workdir) for row in ledger.read(path)]
    done = {row["trial"] for row in rows if row.get("status") != "error"}
    return [trial for trial in trials if trial_id(trial) not in done]


def gather_curves(
    workdir: Path, trials: Sequence[Trial], without: Collection[str] = frozenset()
) -> None:
    """Merges the curves of all chunks into `curves.npz`, rows in the order of `trials`.

    A program of fewer steps than another has nan where the other went on. without: ids of trials
    whose curves are dropped.
    """
    paths = sorted(_curves_directory(workdir).glob("*.npz"))
    if not paths and not without:
        return
    if (workdir / CURVES).exists():
        paths.insert(0, workdir / CURVES)
    _write_npz(
        workdir / CURVES, _merged([_others(_read_npz(path), without) for path in paths], trials)
    )
    shutil.rmtree(_curves_directory(workdir), ignore_errors=True)


def _merged(
    parts: Sequence[dict[str, np.ndarray]], trials: Sequence[Trial]
) -> dict[str, np.ndarray]:
    parts = [part for part in parts if len(part["trial"])]
    # Trials that are no longer asked for keep their curves, behind the others.
    known = [name for part in parts for name in part["trial"].tolist()]
    names = dict.fromkeys([*(trial_id(trial) for trial in trials), *known])
    place = {name: number for number, name in enumerate(names)}
    merged: dict[str, np.ndarray] = {"trial": np.array(list(place), str)}
    for name in sorted({name for part in parts for name in part} - {"trial"}):
        length = max(part[name].shape[1] for part in parts if name in part)
        merged[name] = np.full((len(place), length), np.nan, np.float32)
    for part in parts:
        rows = [place[trial] for trial in part.pop("trial").tolist()]
        for name, values in part.items():
            merged[name][rows, : values.shape[1]] = values
    return merged


def _others(part: dict[str, np.ndarray], without: Collection[str]) -> dict[str, np.ndarray]:
    kept = ~np.isin(part["trial"], list(without))
    return {name: values[kept] for name, values in part.items()}


def read_curves(workdir: Path) -> dict[str, np.ndarray]:
    """The arrays of `curves.npz`, and of chunks that it does not have yet; no trial where no curve
    was written."""
    chunks = sorted(_curves_directory(workdir).glob("*.npz"))
    paths = [path for path in (workdir / CURVES, *chunks) if path.exists()]
    found = [_read_npz(path) for path in paths]
    return found[0] if len(found) == 1 else _merged(found, [])


def drop_states(workdir: Path) -> None:
    """Removes what chunks left behind that other chunks have taken over."""
    shutil.rmtree(workdir / CHECKPOINTS, ignore_errors=True)
    shutil.rmtree(workdir / CHUNKS, ignore_errors=True)


def take_over(workdir: Path, place: Path, name: str) -> None:
    """Moves curves, as those of a chunk of this name, and kept states from a worker's folder."""
    gather_curves(place, [])
    if (place / CURVES).exists():
        _curves_directory(workdir).mkdir(exist_ok=True)
        os.replace(place / CURVES, _curves_directory(workdir) / f"{name}.npz")
    for state in (place / STATES).glob("*"):
        (workdir / STATES).mkdir(exist_ok=True)
        shutil.rmtree(workdir / STATES / state.name, ignore_errors=True)
        os.replace(state, workdir / STATES / state.name)


def take_over_clock(workdir: Path, place: Path) -> None:
    """Moves what `clock` noted in a worker's folder."""
    if (place / CLOCK).exists():
        with open(workdir / CLOCK, "a") as file:
            file.write((place / CLOCK).read_text())
        (place / CLOCK).unlink()


def keep_states(
    workdir: Path, trials: Sequence[Trial], state: PyTree, facts: Mapping[str, Any]
) -> None:
    """Writes the last states [trials] of a chunk, which `kept_state` reads."""
    meta = {"trials": [trial_id(trial) for trial in trials], "fingerprint": fingerprint(facts)}
    checkpoint.save(workdir / STATES / trial_id(trials[0]), 0, state, meta)


def kept_state(workdir: Path, row: Mapping[str, Any], one: PyTree) -> PyTree:
    """The last state of a row's trial, from the run that made the row; None if it was not kept.

    one: shapes and dtypes of the state of one trial.
    """
    for path in sorted((workdir / STATES).glob("*/step_*/contents.json")):
        meta = json.loads(path.read_text())["meta"]
        if row["trial"] in meta["trials"] and row["fingerprint"] == meta["fingerprint"]:
            place, like = meta["trials"].index(row["trial"]), _stacked(one, len(meta["trials"]))
            found = checkpoint.restore(path.parents[1], like)
            return found and jax.tree.map(operator.itemgetter(place), found.tree)
    return None


def _stacked(one: PyTree, count: int) -> PyTree:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((count, *leaf.shape), leaf.dtype), one)


def _state_directory(workdir: Path, trials: Sequence[Trial], facts: Mapping[str, Any]) -> Path:
    return workdir / CHECKPOINTS / f"{trial_id(trials[0])}-{fingerprint(facts)}"


def _curves_directory(workdir: Path) -> Path:
    return workdir / CURVES_OF_CHUNKS


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise checkpoint.CheckpointError(
            f"{path} is damaged ({type(error).__name__}); without it, its trials have no curves"
        ) from error


def _write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    path.parent.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue())
