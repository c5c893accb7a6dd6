"""Many trials, compiled: programs in turn, trials in chunks, chunks in segments."""

import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import jax
import numpy as np

from jaxdl import checkpoint, signals
from jaxdl._errors import from_your_code
from jaxdl._files import drop_drafts
from jaxdl._workdir import COLUMNS, LOCK_OF_SWEEP
from jaxdl.signals import Interrupted
from jaxdl.sweep import _options, hosted, ledger, legs, parts, results, rungs, store
from jaxdl.sweep import chunk as chunks
from jaxdl.sweep.chunk import Categories
from jaxdl.sweep.compilation import metric_names
from jaxdl.sweep.conditions import settle
from jaxdl.sweep.explain import reason
from jaxdl.sweep.fingerprint import device_name, numerics, versions
from jaxdl.sweep.legs import Sweep, Work
from jaxdl.sweep.placement import Placement, place
from jaxdl.sweep.progress import Progress, showing
from jaxdl.sweep.run import Data, Run
from jaxdl.sweep.rungs import Best, Halving
from jaxdl.sweep.space import Trial, checked, trial_id

Arguments = ParamSpec("Arguments")


class Failed(RuntimeError):
    """No trial of the sweep has a result: every program raised. The cause is the first error."""


def _warning(run: Callable[Arguments, results.Results]) -> Callable[Arguments, results.Results]:
    """The same function, which warns where nothing came out."""

    @functools.wraps(run)
    def warning(*args: Arguments.args, **options: Arguments.kwargs) -> results.Results:
        return results.warn_if_nothing(run(*args, **options))

    return warning


@_warning
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
    prune: Halving | None = None,
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
    data: as `run.Data`; sent to the devices once, but for training data that are `Hosted`, which
        are streamed.
    segments: times that a chunk returns to the host, each after `run.advance`.
    categories: hyperparameters given by name, with the names in the order of their index.
    labels: further columns of a program's rows, such as its architecture and its optimizer.
    lanes: trials in flight on all devices together; default: what fits.
    prune: successive halving. After so many segments as each of its `rungs` says, the trials of a
        program wait, with their states on disk, until all have come so far. Then its
        `rule(segments, frame)` says with one bool a row which of them stop, as `pruned`. The frame
        has a row for each trial that has come to the rung: `trial`, `program`, labels,
        hyperparameters, `seed`, `status` (`ok`, or `diverged`), `steps` and the metrics measured
        there; its index is the number of the trial's point, the same for all seeds. Those that go
        on are packed into as few chunks, and on accelerators lanes, as hold them, and have the
        bits that they would have had alone.
    progress: default `reporter()`, on stderr; `Progress()` shows nothing.
    stop: asked after each segment; when true, the state is saved and Interrupted raised. By
        default SIGINT (Ctrl-C) and SIGTERM ask for it, where the program does not handle them.
    checkpoint_seconds: a chunk that takes longer saves its state between segments this often.
    keep_states: the last states of all trials that are not pruned stay in the workdir, for
        `kept_state`.
    keep_curves: whether `curves.npz` has those of training too, beside the evaluations.
    batched: on CPU too the lanes of a device run side by side, which suits steps of a few numbers;
        others are faster there one after another.
    rerun_changed: trials whose rows were made under other conditions run anew; those rows go to
        `superseded.jsonl`.

    A trial whose parameters stop being finite, or whose loss does for good (see `chunk.update`), is
    `diverged` and stays alone in that; a step that the optimizer skips is survived. A program that
    raises gives rows with status `error` and its traceback in the log of `jaxdl`; the other
    programs go on. Each row that is not simply `ok` has a `message`. Where trials diverged and none
    came to its end, `execute` warns (NoResult); `run_all`, for parts of something larger, does not.
    Raises ForeignRows, which says in what they differ, for rows of other code, data, segments,
    categories, labels, types of hyperparameters, versions or settings of JAX; Failed where all
    programs raise; ValueError for trials and names that cannot be told apart, and for an option of
    the wrong kind; PruneError for rungs or a metric of `prune` that there are not.
    """
    workdir, trials = Path(workdir), checked(trials)
    _check_arguments(programs, trials, labels or {}, segments, lanes)
    _options.check(stop, checkpoint_seconds, rerun_changed, devices)
    if prune is not None:
        prune.check(segments)
    with showing(progress) as shown:
        placement = place(devices, batched)
        check_prune(prune, programs, trials, data, categories or {})
        workdir.mkdir(parents=True, exist_ok=True)
        with signals.until(stop) as stopped, checkpoint.lock(workdir, LOCK_OF_SWEEP):
            drop_drafts(workdir)
            sweep = Sweep(
                hosted.put(data, placement.everywhere),
                workdir,
                segments,
                categories or {},
                labels or {},
                lanes,
                prune,
                shown,
                stopped,
                checkpoint_seconds,
                keep_states,
                keep_curves,
                placement,
                _conditions(data, placement, segments, prune, batched),
            )
            parts.merge_all(workdir)
            found = _run_pending(sweep, programs, trials, rerun_changed)
            if stop is None and stopped():  # whoever asked the program to stop means all of it
                raise Interrupted
            return found


run_all: Callable[..., results.Results] = inspect.unwrap(execute)
"""`execute` for a part of something larger: does not warn where nothing came out."""


def check_prune(
    prune: Halving | None,
    programs: Mapping[str, Run],
    trials: Sequence[Trial],
    data: Data,
    categories: Categories,
) -> None:
    """Raises PruneError, before anything is compiled, for a metric that a program lacks."""
    if prune is None or not isinstance(prune.rule, Best):
        return
    for name, run in programs.items():
        mine = [trial for trial in trials if trial.program == name]
        if mine and (known := metric_names(run, chunks.columns(mine, categories), data)):
            prune.rule.check(known)


def check(
    programs: Mapping[str, Run],
    trials: Sequence[Trial],
    data: Data,
    *,
    workdir: Path,
    segments: int,
    categories: Categories,
    labels: Mapping[str, Mapping[str, str]],
    prune: Halving | None,
    batched: bool,
    rerun_changed: bool,
) -> None:
    """What `execute` does before it runs anything, for whoever holds the workdir's lock.

    Raises ForeignRows, or with `rerun_changed` moves such rows out of the ledger; PruneError.
    """
    placement = place(None, batched)
    check_prune(prune, programs, trials, data, categories)
    common = _conditions(data, placement, segments, prune, batched)
    columns, facts = _described(programs, checked(trials), common, categories, labels)
    data = hosted.put(data, placement.everywhere)
    settle(workdir, {name: programs[name] for name in columns}, columns, facts, data, rerun_changed)


def _conditions(
    data: Data, placement: Placement, segments: int, prune: Halving | None, batched: bool
) -> dict[str, Any]:
    """What is the same for all programs of a sweep."""
    device = placement.mesh.devices.flat[0]
    return {
        "data": hosted.content(data),
        "device": device.device_kind,
        "processor": device_name(device),
        "devices": placement.mesh.size,
        "segments": segments,
        "prune": prune.described() if prune else "",
        **({"batched": True} if batched else {}),
        **versions(),
        **numerics(),
    }


def _described(
    programs: Mapping[str, Run],
    trials: Sequence[Trial],
    common: Mapping[str, Any],
    categories: Categories,
    labels: Mapping[str, Mapping[str, str]],
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, Any]]]:
    """Hyperparameters, and conditions but for code and lanes, of each program that has trials."""
    of = {name: [trial for trial in trials if trial.program == name] for name in programs}
    columns = {name: chunks.columns(mine, categories) for name, mine in of.items() if mine}
    facts: dict[str, dict[str, Any]] = {}
    for name, hparams in columns.items():
        kinds = {h: str(column.dtype) for h, column in hparams.items()}
        named = {h: list(map(str, categories[h])) for h in hparams if h in categories}
        own = {"program": name, "hyperparameters": kinds, "categories": named}
        facts[name] = {**common, **own, "labels": dict(labels.get(name, {}))}
    return columns, facts


def _check_arguments(
    programs: Mapping[str, Run],
    trials: Sequence[Trial],
    labels: Mapping[str, Mapping[str, str]],
    segments: int,
    lanes: int | None,
) -> None:
    _options.check_count("segments", segments)
    if lanes is not None:
        _options.check_count("lanes", lanes)
    unknown = {trial.program for trial in trials} - set(programs)
    if unknown:
        raise ValueError(f"trials name programs that are not given: {', '.join(sorted(unknown))}")
    for trial in trials:
        own = labels.get(trial.program, {})
        taken = (COLUMNS & {*trial.hparams, *own}) | (set(trial.hparams) & set(own))
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))}: a row has a column of that name already")


def _run_pending(
    sweep: Sweep, programs: Mapping[str, Run], trials: Sequence[Trial], rerun_changed: bool
) -> results.Results:
    columns, facts = _described(programs, trials, sweep.facts, sweep.categories, sweep.labels)
    runs = {name: programs[name] for name in columns}
    done, codes = settle(sweep.workdir, runs, columns, facts, sweep.data, rerun_changed)
    rungs.drop_left_over(sweep.workdir, done)
    pending = [trial for trial in trials if trial_id(trial) not in done]
    sweep.progress.start(len(trials), len(trials) - len(pending))
    errors: dict[str, Exception] = {}
    for name, hparams in columns.items():
        left = [trial for trial in pending if trial.program == name]
        if left:
            mine = [trial for trial in trials if trial.program == name]
            work = Work(name, programs[name], hparams, facts[name], mine)
            error = _run_program(sweep, work, codes.get(name, ""), left)
            errors |= {name: error} if error else {}
    found = results.collect(sweep.workdir, trials)
    if errors and all(row["status"] == "error" for row in found.rows):
        name, error = next(iter(errors.items()))
        message = next(row["message"] for row in found.rows if row["program"] == name)
        raise Failed(f"program {name}: {message}") from error
    for name, error in errors.items():
        logging.getLogger("jaxdl").error("program %s failed", name, exc_info=from_your_code(error))
    return found


def _run_program(sweep: Sweep, work: Work, code: str, left: list[Trial]) -> Exception | None:
    """Runs the trials that are left of a program.

    code: its identity, where it is known. Returns what the program raised, if it did; its trials
    then have rows that say so.
    """
    done = sweep.progress.done
    try:
        legs.run(sweep, work, code, left)
    except (OSError, checkpoint.CheckpointError):
        raise
    # Whatever a user's program raises, the other programs of the sweep are not to suffer.
    except Exception as error:
        message = reason(error, work.run, work.hparams, sweep.data)
        outcome = {"status": "error", "message": message}
        labels = sweep.labels.get(work.name, {})
        failed = store.pending(sweep.workdir, left)
        rows = [store.row(trial, labels, outcome, {}) for trial in failed]
        ledger.append(sweep.workdir / store.LEDGER, rows)
        sweep.progress.recount(done + len(left) - len(failed))
        sweep.progress.failed += len(failed)
        return error
    return None
