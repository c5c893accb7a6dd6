"""Many trials, compiled: programs in turn, trials in chunks, chunks in segments."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import checkpoint
from jaxdl._cpu import give_back
from jaxdl.sweep import chunk as chunks
from jaxdl.sweep import ledger, results, signals, store
from jaxdl.sweep.chunk import Categories, Record
from jaxdl.sweep.conditions import settle
from jaxdl.sweep.explain import flaws, reason
from jaxdl.sweep.fingerprint import described, device_name, digest, numerics, versions
from jaxdl.sweep.placement import Placement, place
from jaxdl.sweep.programs import Program, compile_run, forget
from jaxdl.sweep.progress import Progress
from jaxdl.sweep.run import Data, Run
from jaxdl.sweep.space import Trial, checked, trial_id

PruneRule = Callable[[int, Mapping[str, np.ndarray], np.ndarray], np.ndarray]
"""`(segment, {metric: [lanes]}, alive [lanes]) -> [lanes]`, true where a trial is to stop."""
INTERRUPTED = 75
"""The exit code of a program that ends by `Interrupted`: EX_TEMPFAIL, run it again."""


class Interrupted(SystemExit):
    """The sweep was asked to stop; its state is on disk and the next launch goes on from it.

    A program that does not catch it ends with exit code 75, without a traceback.
    """

    def __init__(self) -> None:
        super().__init__(INTERRUPTED)


class Failed(RuntimeError):
    """No trial of the sweep has a result: every program raised. The cause is the first error."""


class Work(NamedTuple):
    """A program of the sweep: what `hparams` it takes, its conditions, its trials altogether."""

    name: str
    run: Run
    hparams: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]
    trials: int


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
    keep_states: bool
    keep_curves: bool
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
    stop: Callable[[], bool] | None = None,
    checkpoint_seconds: float = 30.0,
    keep_states: bool = False,
    keep_curves: bool = True,
    batched: bool = False,
    rerun_changed: bool = False,
    devices: Sequence[jax.Device] | None = None,
) -> results.Results:
    """Runs every trial that the ledger in `workdir` does not hold yet, and reads the ledger back.

    programs: one Run per thing that changes the program; each is compiled once in a process.
    data: as `run.Data`; sent to the devices once.
    segments: times that a chunk returns to the host, each after `run.advance`.
    categories: hyperparameters given by name, with the names in the order of their index.
    labels: further columns of a program's rows, such as its architecture and its optimizer.
    lanes: trials in flight on all devices together; default: what fits.
    prune: asked after each segment but the last, when all there was to do is done.
    stop: asked after each segment; when true, the state is saved and Interrupted raised. By
        default SIGINT (Ctrl-C) and SIGTERM ask for it, where the program does not handle them.
    checkpoint_seconds: a chunk that takes longer saves its state between segments this often.
    keep_states: the last states of all trials stay in the workdir, for `kept_state`.
    keep_curves: whether `curves.npz` has those of training too, beside the evaluations.
    batched: on CPU too the lanes of a device run side by side, which suits steps of a few numbers;
        others are faster there one after another.
    rerun_changed: trials whose rows were made under other conditions run anew; those rows go to
        `superseded.jsonl`.

    A trial whose parameters stop being finite, or whose loss does for good (see `chunk.update`), is
    `diverged` and stays alone in that; a step that the optimizer skips is survived. A program that
    raises gives rows with status `error` and its traceback in the log of `jaxdl`; the other
    programs go on. Each row that is not simply `ok` has a `message`.
    Raises ForeignRows, which says in what they differ, for rows of other code, data, segments,
    categories, labels, types of hyperparameters, versions or settings of JAX; Failed where all
    programs raise; ValueError for trials and names that cannot be told apart.
    """
    workdir, trials = Path(workdir), checked(trials)
    _check_arguments(programs, trials, labels or {}, segments, lanes)
    workdir.mkdir(parents=True, exist_ok=True)
    placement = place(devices, batched)
    device = placement.mesh.devices.flat[0]
    asked_by_signal = signals.caught(only_defaults=True)
    with (
        contextlib.nullcontext(stop) if stop else asked_by_signal as stopped,
        checkpoint.lock(workdir, ".sweep.lock"),
    ):
        sweep = Sweep(
            jax.device_put(data, placement.everywhere),
            workdir,
            segments,
            categories or {},
            labels or {},
            lanes,
            prune,
            progress or Progress(),
            stopped,
            checkpoint_seconds,
            keep_states,
            keep_curves,
            placement,
            {
                "data": digest(data),
                "device": device.device_kind,
                "processor": device_name(device),
                "devices": placement.mesh.size,
                "segments": segments,
                "prune": described(prune) if prune else "",
                **({"batched": True} if batched else {}),
                **versions(),
                **numerics(),
            },
        )
        try:
            found = _run_pending(sweep, programs, trials, rerun_changed)
            if stop is None and stopped():  # whoever asked the program to stop means all of it
                raise Interrupted
            return found
        except Interrupted:
            if stop is None:
                print("interrupted; the same program goes on from here", file=sys.stderr)
            raise


def _check_arguments(
    programs: Mapping[str, Run],
    trials: Sequence[Trial],
    labels: Mapping[str, Mapping[str, str]],
    segments: int,
    lanes: int | None,
) -> None:
    if segments < 1 or (lanes is not None and lanes < 1):
        raise ValueError(f"segments and lanes must be >= 1, not {segments} and {lanes}")
    unknown = {trial.program for trial in trials} - set(programs)
    if unknown:
        raise ValueError(f"trials name programs that are not given: {', '.join(sorted(unknown))}")
    for trial in trials:
        own = labels.get(trial.program, {})
        taken = (store.COLUMNS & {*trial.hparams, *own}) | (set(trial.hparams) & set(own))
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))}: a row has a column of that name already")


def _run_pending(
    sweep: Sweep, programs: Mapping[str, Run], trials: Sequence[Trial], rerun_changed: bool
) -> results.Results:
    of = {name: [trial for trial in trials if trial.program == name] for name in programs}
    columns = {name: chunks.columns(mine, sweep.categories) for name, mine in of.items() if mine}
    facts = {name: _facts(sweep, name, hparams) for name, hparams in columns.items()}
    runs = {name: programs[name] for name in columns}
    done, codes = settle(sweep.workdir, runs, columns, facts, sweep.data, rerun_changed)
    pending = [trial for trial in trials if trial_id(trial) not in done]
    sweep.progress.start(len(trials), len(trials) - len(pending))
    errors: dict[str, Exception] = {}
    try:
        for name, hparams in columns.items():
            left = [trial for trial in pending if trial.program == name]
            if left:
                work = Work(name, programs[name], hparams, facts[name], len(of[name]))
                error = _run_program(sweep, work, codes.get(name, ""), left)
                errors |= {name: error} if error else {}
    finally:
        sweep.progress.finish()
    found = results.collect(sweep.workdir, trials)
    if errors and all(row["status"] == "error" for row in found.rows):
        name, error = next(iter(errors.items()))
        message = next(row["message"] for row in found.rows if row["program"] == name)
        raise Failed(f"program {name}: {message}") from error
    for name, error in errors.items():
        logging.getLogger("jaxdl").error("program %s failed", name, exc_info=error)
    return found


def _facts(sweep: Sweep, name: str, hparams: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The conditions of a program's rows, but for its code and lanes."""
    kinds = {h: str(column.dtype) for h, column in hparams.items()}
    named = {h: list(map(str, sweep.categories[h])) for h in hparams if h in sweep.categories}
    labels = dict(sweep.labels.get(name, {}))
    own = {"program": name, "hyperparameters": kinds, "categories": named, "labels": labels}
    return {**sweep.facts, **own}


def _run_program(sweep: Sweep, work: Work, code: str, left: list[Trial]) -> Exception | None:
    """Runs the trials that are left of a program.

    code: its identity, where it is known. Returns what the program raised, if it did; its trials
    then have rows that say so.
    """
    done = sweep.progress.done
    try:
        program = _compile(sweep, work, sweep.lanes, code, len(left))
        _check_names(program, [*work.hparams, *sweep.labels.get(work.name, {})])
        while left:
            done = sweep.progress.done
            try:
                _run_chunk(sweep, program, work.facts, left)
                left = left[program.lanes :]
                continue
            except jax.errors.JaxRuntimeError as error:
                exhausted = "RESOURCE_EXHAUSTED" in str(error)
                if not exhausted or program.lanes <= sweep.placement.mesh.size:
                    raise
            # Here the error is gone, and with its frames the state of the chunk.
            lanes, full = program.lanes // 2, program.lanes
            sweep.progress.recount(done)
            sweep.progress.note(f"{work.name}: out of memory at {full} lanes; now {lanes}")
            forget(program.code)
            give_back()
            program = _compile(sweep, work, lanes, program.code, len(left))
    except (OSError, checkpoint.CheckpointError):
        raise
    # Whatever a user's program raises, the other programs of the sweep are not to suffer.
    except Exception as error:
        message = reason(error, work.run, work.hparams, sweep.data)
        outcome = {"status": "error", "message": message}
        labels = sweep.labels.get(work.name, {})
        rows = [store.row(trial, labels, outcome, {}) for trial in left]
        ledger.append(sweep.workdir / store.LEDGER, rows)
        sweep.progress.recount(done)
        sweep.progress.failed += len(left)
        return error
    return None


def _compile(sweep: Sweep, work: Work, lanes: int | None, code: str, left: int) -> Program:
    # A chunk whose state is on disk goes on only with the lanes that it had.
    begun = (sweep.workdir / store.CHECKPOINTS).is_dir()
    program = compile_run(
        work.run,
        sweep.placement,
        work.hparams,
        sweep.data,
        work.trials,
        lanes,
        left=None if begun else left,
        name=work.name,
        code=code,
    )
    seconds = program.compile_seconds if program.compilations else 0.0
    if seconds:
        store.clock(sweep.workdir, work.name, compiling=seconds)
    sweep.progress.compiled(work.name, program.compilations, seconds)
    return program


def _check_names(program: Program, columns: Sequence[str]) -> None:
    """Raises ValueError for an evaluation or curve that would hide another column or curve."""
    taken = set(program.metrics) & {*store.COLUMNS, *columns, *program.curves}
    taken |= set(program.curves) & {"trial"}
    if taken:
        raise ValueError(
            f"the run evaluates {', '.join(sorted(taken))}: a row or its curves have that already"
        )


def _run_chunk(sweep: Sweep, program: Program, facts: Mapping[str, Any], left: list[Trial]) -> None:
    """Advances the first chunk of what is left through its segments and writes its rows."""
    trials = left[: program.lanes]
    began = saved = time.perf_counter()
    name = facts["program"]
    hparams = chunks.in_lanes(trials, sweep.categories, program.lanes)
    facts = {**facts, "code": program.code, "lanes": program.lanes}
    first, state, record = _start(sweep, program, trials, hparams, facts)
    before, ran = int(record.steps.sum()), 0.0
    for segment in range(first, sweep.segments):
        state, *measured = program.advance(hparams, state, record.alive, sweep.data)
        metrics = program.evaluate(hparams, state, sweep.data)
        (curves, finite, steps), metrics = jax.device_get((measured, metrics))
        chunks.update(record, segment, curves, finite, steps, metrics)
        more = segment + 1 < sweep.segments
        if more and sweep.prune is not None:
            stopped = sweep.prune(segment, metrics, record.alive) & record.alive
            record.status[stopped] = chunks.PRUNED
        now = time.perf_counter()
        sweep.progress.advance(name, len(trials) / sweep.segments, now - began)
        ran += now - began
        began = now
        if more:
            stop = sweep.stop()
            if stop or now - saved > sweep.checkpoint_seconds:
                store.save(sweep.workdir, trials, segment + 1, state, record, facts)
                saved = now
            if stop:
                raise Interrupted
    if sweep.keep_states:
        store.keep_states(sweep.workdir, trials, state, facts)
    store.clock(sweep.workdir, name, running=ran, steps=int(record.steps.sum()) - before)
    labels = sweep.labels.get(name, {})
    hint = flaws(sweep.data, record)
    store.finish(sweep.workdir, trials, record, facts, labels, hint, sweep.keep_curves)
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
