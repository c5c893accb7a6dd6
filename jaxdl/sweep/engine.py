"""Many trials, compiled: programs in turn, trials in chunks, chunks in segments."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import checkpoint
from jaxdl.sweep import chunk as chunks
from jaxdl.sweep import ledger, results, store
from jaxdl.sweep.chunk import Categories, Record
from jaxdl.sweep.fingerprint import digest, versions
from jaxdl.sweep.placement import Placement, Program, compile_run, identity, place
from jaxdl.sweep.progress import Progress
from jaxdl.sweep.run import Data, Run
from jaxdl.sweep.space import Trial, trial_id

PruneRule = Callable[[int, Mapping[str, np.ndarray], np.ndarray], np.ndarray]
"""`(segment, {metric: [lanes]}, alive [lanes]) -> [lanes]`, true where a trial is to stop."""


class Interrupted(Exception):
    """The sweep was asked to stop; its state is on disk and the next launch goes on from it."""


class ForeignRows(ValueError):
    """The workdir holds rows that another program made."""


class Sweep(NamedTuple):
    """What `execute` was given, once: see there."""

    data: Data
    workdir: Path
    segments: int
    categories: Categories
    labels: Mapping[str, Mapping[str, str]]
    lanes: int | None
    prune: PruneRule | None
    progress: Progress
    stop: Callable[[], bool]
    checkpoint_seconds: float
    placement: Placement
    facts: Mapping[str, Any]


def execute(
    programs: Mapping[str, Run],
    trials: Sequence[Trial],
    data: Data,
    *,
    workdir: str | Path,
    segments: int = 1,
    categories: Categories | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    lanes: int | None = None,
    prune: PruneRule | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    checkpoint_seconds: float = 30.0,
    devices: Sequence[jax.Device] | None = None,
) -> results.Results:
    """Runs every trial that the ledger in `workdir` does not hold yet, and reads the ledger back.

    programs: one Run per thing that changes the program; compiled once each.
    data: as `run.Data`; sent to the devices once.
    segments: times that a chunk returns to the host, each after `run.advance`.
    categories: hyperparameters given by name, with the names in the order of their index.
    labels: further columns of a program's rows, such as its architecture and its optimizer.
    lanes: trials in flight on all devices together; default: what fits.
    stop: asked after each segment; when true, the state is saved and Interrupted raised.
    checkpoint_seconds: a chunk that takes longer saves its state between segments this often.

    A trial whose loss or parameters stop being finite is `diverged` and stays alone in that. A
    program that raises gives rows with status `error` and its traceback in the log of `jaxdl`; the
    other programs go on.
    """
    workdir = Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    placement = place(devices)
    device = placement.mesh.devices.flat[0]
    sweep = Sweep(
        jax.device_put(data, placement.everywhere),
        workdir,
        segments,
        categories or {},
        labels or {},
        lanes,
        prune,
        progress or Progress(),
        stop,
        checkpoint_seconds,
        placement,
        {
            "data": digest(data),
            "device": device.device_kind,
            "devices": placement.mesh.size,
            "segments": segments,
            **versions(),
        },
    )
    unknown = {trial.program for trial in trials} - set(programs)
    if unknown:
        raise ValueError(f"trials name programs that are not given: {', '.join(sorted(unknown))}")
    _check_names(trials, sweep.labels)
    with checkpoint.lock(workdir, ".sweep.lock"):
        return _run_pending(sweep, programs, trials)


def _run_pending(
    sweep: Sweep, programs: Mapping[str, Run], trials: Sequence[Trial]
) -> results.Results:
    path = sweep.workdir / store.LEDGER
    # What failed may have been repaired since.
    ledger.drop(path, "error")
    done = {row["trial"]: row for row in ledger.read(path)}
    pending = [trial for trial in trials if trial_id(trial) not in done]
    of = {name: [trial for trial in trials if trial.program == name] for name in programs}
    columns = {name: chunks.columns(mine, sweep.categories) for name, mine in of.items() if mine}
    _check_code(sweep, programs, columns, of, done)
    sweep.progress.start(len(trials), len(trials) - len(pending))
    try:
        for name, hparams in columns.items():
            left = [trial for trial in pending if trial.program == name]
            if left:
                _run_program(sweep, name, programs[name], hparams, len(of[name]), left)
    finally:
        sweep.progress.finish()
    return results.collect(sweep.workdir, trials)


def _check_names(trials: Sequence[Trial], labels: Mapping[str, Mapping[str, str]]) -> None:
    """Raises ValueError for a hyperparameter or label that would hide another column of a row."""
    for trial in trials:
        own = labels.get(trial.program, {})
        taken = (store.COLUMNS & {*trial.hparams, *own}) | (set(trial.hparams) & set(own))
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))}: a row has a column of that name already")


def _check_code(
    sweep: Sweep,
    programs: Mapping[str, Run],
    columns: Mapping[str, Mapping[str, np.ndarray]],
    of: Mapping[str, list[Trial]],
    done: Mapping[str, Mapping[str, Any]],
) -> None:
    """Raises ForeignRows if rows of the ledger come from another program than the one given."""
    for name, hparams in columns.items():
        rows = [done[trial_id(trial)] for trial in of[name] if trial_id(trial) in done]
        kept = {row["code"] for row in rows}
        if not kept:
            continue
        try:
            given = identity(programs[name], hparams, sweep.data)
        # What cannot even be traced fails in its turn, and alone.
        except Exception:
            continue
        if kept != {given}:
            raise ForeignRows(
                f"{sweep.workdir / store.LEDGER}: its rows of {name} were made by another program "
                "(other steps, model, data shapes or versions); use another workdir"
            )


def _run_program(
    sweep: Sweep,
    name: str,
    run: Run,
    hparams: Mapping[str, np.ndarray],
    trials: int,
    left: list[Trial],
) -> None:
    """Runs the trials that are left of a program that has so many `trials` altogether."""
    done = sweep.progress.done
    try:
        lanes = sweep.lanes
        program = _compile(sweep, name, run, hparams, trials, lanes)
        while left:
            done = sweep.progress.done
            try:
                _run_chunk(sweep, name, program, left[: program.lanes])
            except jax.errors.JaxRuntimeError as error:
                exhausted = "RESOURCE_EXHAUSTED" in str(error)
                if not exhausted or program.lanes <= sweep.placement.mesh.size:
                    raise
                lanes = program.lanes // 2
                sweep.progress.recount(done)
                sweep.progress.note(f"{name}: out of memory at {program.lanes} lanes; now {lanes}")
                program = _compile(sweep, name, run, hparams, trials, lanes)
                continue
            left = left[program.lanes :]
    except (Interrupted, OSError, checkpoint.CheckpointError):
        raise
    # Whatever a user's program raises, the other programs of the sweep are not to suffer.
    except Exception as error:
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        logging.getLogger("jaxdl").error("program %s failed", name, exc_info=error)
        outcome = {"status": "error", "message": message}
        labels = sweep.labels.get(name, {})
        rows = [store.row(trial, labels, outcome, {}) for trial in left]
        ledger.append(sweep.workdir / store.LEDGER, rows)
        sweep.progress.recount(done)
        sweep.progress.failed += len(left)


def _compile(
    sweep: Sweep,
    name: str,
    run: Run,
    hparams: Mapping[str, np.ndarray],
    trials: int,
    lanes: int | None,
) -> Program:
    program = compile_run(run, sweep.placement, hparams, sweep.data, trials, lanes)
    sweep.progress.compiled(name, program.compilations, program.compile_seconds)
    return program


def _run_chunk(sweep: Sweep, name: str, program: Program, trials: list[Trial]) -> None:
    """Advances one chunk through its segments and writes its rows."""
    began = saved = time.perf_counter()
    hparams = chunks.in_lanes(trials, sweep.categories, program.lanes)
    facts = {**sweep.facts, "program": name, "code": program.code, "lanes": program.lanes}
    first, state, record = _start(sweep, program, trials, hparams, facts)
    for segment in range(first, sweep.segments):
        state, curves, finite = program.advance(hparams, state, record.alive, sweep.data)
        metrics = program.evaluate(hparams, state, sweep.data)
        curves, finite, metrics = jax.device_get((curves, finite, metrics))
        chunks.update(record, segment, curves, finite, metrics)
        if sweep.prune is not None:
            stopped = sweep.prune(segment, metrics, record.alive) & record.alive
            record.status[stopped] = chunks.PRUNED
        now = time.perf_counter()
        sweep.progress.advance(name, len(trials) / sweep.segments, now - began)
        began = now
        if segment + 1 < sweep.segments:
            stop = sweep.stop()
            if stop or now - saved > sweep.checkpoint_seconds:
                store.save(sweep.workdir, trials, segment + 1, state, record, facts)
                saved = now
            if stop:
                raise Interrupted
    store.finish(sweep.workdir, trials, record, facts, sweep.labels.get(name, {}))
    if sweep.stop():
        raise Interrupted


def _start(
    sweep: Sweep,
    program: Program,
    trials: Sequence[Trial],
    hparams: Mapping[str, np.ndarray],
    facts: Mapping[str, Any],
) -> tuple[int, Any, Record]:
    record = chunks.blank(
        program.lanes, len(trials), sweep.segments, program.curves, program.metrics
    )
    found = store.resume(sweep.workdir, trials, program, record, facts)
    if found is not None:
        sweep.progress.resumed(facts["program"], len(trials) * found[0] / sweep.segments)
        return found
    seeds = np.array([trial.seed for trial in trials], np.uint32)
    return 0, program.init(hparams, chunks.pad(seeds, program.lanes), sweep.data), record
