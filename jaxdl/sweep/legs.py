"""The trials of one program: in chunks, in segments, from rung to rung."""

import itertools
import operator
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd

from jaxdl._cpu import give_back
from jaxdl._workdir import COLUMNS
from jaxdl.params import is_key
from jaxdl.signals import Interrupted
from jaxdl.sweep import chunk as chunks
from jaxdl.sweep import rungs, store
from jaxdl.sweep.chunk import Categories, Record
from jaxdl.sweep.compilation import Program, identity
from jaxdl.sweep.explain import flaws
from jaxdl.sweep.placement import Placement, one_after_another
from jaxdl.sweep.programs import compile_run, forget
from jaxdl.sweep.progress import Progress
from jaxdl.sweep.run import Data, Run
from jaxdl.sweep.space import Trial, trial_id
from jaxdl.types import PyTree


class Work(NamedTuple):
    """A program of the sweep: what `hparams` it takes, its conditions, all its trials."""

    name: str
    run: Run
    hparams: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]
    trials: Sequence[Trial]


class Sweep(NamedTuple):
    """What `execute` was given, once: see there."""

    data: Data
    workdir: Path
    segments: int
    categories: Categories
    labels: Mapping[str, Mapping[str, str]]
    lanes: int | None
    prune: rungs.Halving | None
    progress: Progress
    stop: Callable[[], bool]
    checkpoint_seconds: float
    keep_states: bool
    keep_curves: bool
    placement: Placement
    facts: Mapping[str, Any]


class Leg(NamedTuple):
    """The way from one rung to the next, in segments; what waits at its beginning."""

    begin: int
    end: int
    waiting: Sequence[rungs.Waiting] = ()


def run(sweep: Sweep, work: Work, code: str, left: Sequence[Trial]) -> None:
    """Runs the trials that are left of a program, rung after rung, and writes their rows.

    code: its identity, where it is known.
    """
    program: Program | None = None
    if not code and (sweep.workdir / rungs.RUNGS).is_dir():
        code = identity(work.run, work.hparams, sweep.data)
    came: Sequence[rungs.Waiting] = ()
    ends = [0, *(sweep.prune.rungs if sweep.prune else ()), sweep.segments]
    for leg in itertools.starmap(Leg, itertools.pairwise(ends)):
        leg, facts = leg._replace(waiting=came), {**work.facts, "code": code}
        here = {name for each in _waiting(sweep, leg, facts) for name in each.ids}
        todo = [trial for trial in left if trial_id(trial) not in here]
        share = (leg.end - leg.begin) / sweep.segments
        if len(todo) < len(left):
            sweep.progress.resumed(work.name, (len(left) - len(todo)) * share)
        if todo:
            program = _packed(sweep, work, leg, program, code, todo)
            program = _advance(sweep, work, leg, program, todo)
            code = program.code
            facts = {**work.facts, "code": code}
        if leg.end < sweep.segments:
            came = _waiting(sweep, leg, facts)
            left = _pruned(sweep, work, leg, facts, came, left)
        if not left:
            break
    if sweep.prune is not None:
        rungs.drop(sweep.workdir, facts)


def _waiting(sweep: Sweep, leg: Leg, facts: Mapping[str, Any]) -> list[rungs.Waiting]:
    if leg.end == sweep.segments:
        return []
    return rungs.waiting(sweep.workdir, leg.end, facts)


def _packed(
    sweep: Sweep, work: Work, leg: Leg, program: Program | None, code: str, todo: Sequence[Trial]
) -> Program:
    """The program for a leg: one of fewer lanes where trials run side by side and half would idle.

    One after another, a lane that no trial is in costs nothing.
    """
    dense = leg.begin > 0 and sweep.placement.over_lanes is not one_after_another
    if program is None or (dense and 2 * len(todo) <= program.lanes):
        trials = len(todo) if dense else len(work.trials)
        return _compile(sweep, work, sweep.lanes, code, trials, len(todo))
    return program


def _advance(
    sweep: Sweep, work: Work, leg: Leg, program: Program, left: Sequence[Trial]
) -> Program:
    """Runs trials to the end of a leg, chunk after chunk; the program, of fewer lanes where memory
    was short."""
    _check_metrics(program, [*work.hparams, *sweep.labels.get(work.name, {})])
    while left:
        done = sweep.progress.done
        try:
            _run_chunk(sweep, program, work, leg, left[: program.lanes])
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
        program = _compile(sweep, work, lanes, program.code, len(work.trials), len(left))
    return program


def _pruned(
    sweep: Sweep,
    work: Work,
    leg: Leg,
    facts: Mapping[str, Any],
    came: Sequence[rungs.Waiting],
    left: Sequence[Trial],
) -> list[Trial]:
    """Writes the rows of those that stop at the end of a leg; what goes on."""
    assert sweep.prune is not None
    labels = sweep.labels.get(work.name, {})
    stopped = rungs.decided(sweep.workdir, leg.end, facts, left)
    if stopped is None:
        frame = rungs.frame(came, work.trials, labels)
        stopped = _asked(sweep.prune.rule, leg.end, frame)
        # Kept, since a rung that has lost a damaged file may not be asked about once more: those
        # that have stopped do not come to it again.
        rungs.decide(sweep.workdir, leg.end, facts, frame["trial"], stopped)
    gone = {trial_id(trial): trial for trial in left if trial_id(trial) in stopped}
    for each in came:
        places = np.array([n for n, name in enumerate(each.ids) if name in gone], int)
        if len(places):
            record = jax.tree.map(operator.itemgetter(places), each.record)
            record.status[record.alive] = chunks.PRUNED
            trials = [gone[each.ids[place]] for place in places]
            own = {**facts, "lanes": each.lanes}
            hint = flaws(sweep.data, record)
            store.finish(sweep.workdir, trials, record, own, labels, hint, sweep.keep_curves)
    rest = (sweep.segments - leg.end) / sweep.segments
    sweep.progress.resumed(work.name, len(gone) * rest)
    return [trial for trial in left if trial_id(trial) not in gone]


def _asked(rule: rungs.PruneRule, segments: int, frame: pd.DataFrame) -> set[str]:
    """The trials that stop, as a rule says."""
    stops = np.asarray(rule(segments, frame))
    if stops.shape != (len(frame),) or stops.dtype != bool:
        raise ValueError(
            f"the rule of prune gave {stops.dtype}{list(stops.shape)}, not a bool for each of "
            f"{len(frame)} rows"
        )
    return set(frame["trial"][stops])


def _compile(
    sweep: Sweep, work: Work, lanes: int | None, code: str, trials: int, left: int
) -> Program:
    # A chunk whose state is on disk goes on only with the lanes that it had.
    begun = (sweep.workdir / store.CHECKPOINTS).is_dir()
    program = compile_run(
        work.run,
        sweep.placement,
        work.hparams,
        sweep.data,
        trials,
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


def _check_metrics(program: Program, columns: Sequence[str]) -> None:
    """Raises ValueError for an evaluation or curve that would hide another column or curve, and for
    an evaluation that is no single number."""
    taken = set(program.metrics) & {*COLUMNS, *columns, *program.curves}
    taken |= set(program.curves) & {"trial"}
    if taken:
        raise ValueError(
            f"the run evaluates {', '.join(sorted(taken))}: a row or its curves have that already"
        )
    for name, found in program.metrics.items():
        if len(getattr(found, "shape", ())) != 1:
            raise ValueError(f"the run evaluates {name}, no single number; see sweep.numbered")


def _run_chunk(
    sweep: Sweep, program: Program, work: Work, leg: Leg, trials: Sequence[Trial]
) -> None:
    """Advances a chunk through the segments of a leg; at the end of the last it has rows."""
    began = saved = time.perf_counter()
    facts = {**work.facts, "code": program.code, "lanes": program.lanes}
    seats = chunks.seats(len(trials), program.lanes, sweep.placement.mesh.size)
    hparams = chunks.in_lanes(trials, sweep.categories, seats.trial)
    first, state, record = _start(sweep, program, leg, trials, seats, hparams, facts)
    before, ran = int(record.steps.sum()), 0.0
    for segment in range(first, leg.end):
        alive = seats.alive(record)
        state, *measured = program.advance(hparams, state, alive, sweep.data)
        measured.append(program.evaluate(hparams, state, alive, sweep.data))
        chunks.update(record, segment, *_of(jax.device_get(measured), seats.lane))
        now = time.perf_counter()
        sweep.progress.advance(work.name, len(trials) / sweep.segments, now - began)
        ran += now - began
        began = now
        if segment + 1 < leg.end:
            stop = sweep.stop()
            if stop or now - saved > sweep.checkpoint_seconds:
                store.save(sweep.workdir, trials, segment + 1, state, record, facts)
                saved = now
            if stop:
                raise Interrupted
    done = int(record.steps.sum()) - before
    if sweep.placement.over_lanes is not one_after_another:  # there the dead take time, too
        done = len(trials) * (leg.end - first) * record.planned // sweep.segments
    store.clock(sweep.workdir, work.name, running=ran, steps=done)
    _end(sweep, leg, trials, state, record, seats, facts)
    if sweep.stop():
        raise Interrupted


def _end(
    sweep: Sweep,
    leg: Leg,
    trials: Sequence[Trial],
    state: PyTree,
    record: Record,
    seats: chunks.Seats,
    facts: Mapping[str, Any],
) -> None:
    """Keeps a chunk at the rung it has come to, or writes its rows."""
    if leg.end < sweep.segments:
        rungs.hold(sweep.workdir, leg.end, trials, state, seats.lane, record, facts)
        store.drop(sweep.workdir, trials, facts)
        return
    if sweep.keep_states:
        store.keep_states(sweep.workdir, trials, _of(state, seats.lane), facts)
    labels = sweep.labels.get(facts["program"], {})
    hint = flaws(sweep.data, record)
    store.finish(sweep.workdir, trials, record, facts, labels, hint, sweep.keep_curves)


def _of(tree: PyTree, places: np.ndarray) -> PyTree:
    """Rows of all leaves, as NumPy arrays where they can be."""
    return jax.tree.map(lambda leaf: (leaf if is_key(leaf) else np.asarray(leaf))[places], tree)


def _start(
    sweep: Sweep,
    program: Program,
    leg: Leg,
    trials: Sequence[Trial],
    seats: chunks.Seats,
    hparams: Mapping[str, np.ndarray],
    facts: Mapping[str, Any],
) -> tuple[int, Any, Record]:
    """The segment that comes next, state [lanes] and record [trials]."""
    record = chunks.blank(len(trials), sweep.segments, program.curves, program.metrics)
    found = store.resume(sweep.workdir, trials, program, record, facts)
    if found is not None:
        share = (found[0] - leg.begin) / sweep.segments
        sweep.progress.resumed(facts["program"], len(trials) * share)
        return found
    if leg.begin:
        return leg.begin, *rungs.taken(leg.waiting, trials, program.state, seats.trial)
    seeds = np.array([trial.seed for trial in trials], np.uint32)
    return 0, program.init(hparams, seeds[seats.trial], sweep.data), record
