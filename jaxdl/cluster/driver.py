"""The driver: cuts a sweep into parts, has them run, and keeps the ledger."""

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxdl import checkpoint, signals
from jaxdl._worker import Command
from jaxdl.cluster.workers import CHECK, RERUN, SECONDS, Launcher, Pool
from jaxdl.signals import Interrupted
from jaxdl.sweep import ledger, parts, results, store
from jaxdl.sweep.engine import Failed
from jaxdl.sweep.parts import Found, Part
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.progress import Progress, showing
from jaxdl.sweep.space import Trial, checked, trial_id

SHARES = 4
"""Parts for each worker: few, since each has a beginning; several, since workers come and go."""


class Drive(NamedTuple):
    """What `execute` was given, once."""

    plan: Plan
    workdir: Path
    workers: int
    run: Pool
    progress: Progress
    stop: Callable[[], bool]
    checks: list[str]


def execute(
    plan: Plan,
    command: Command,
    *,
    workdir: str | Path,
    launcher: Launcher,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    rerun_changed: bool = False,
) -> results.Results:
    """Runs every trial of a plan that the ledger in `workdir` does not hold yet, by workers.

    command: starts a worker that has the same plan. The other arguments, and what is raised, are as
    in `sweep.execute`; besides, raises Lost for a part that killed its worker again and again.
    """
    workdir = Path(workdir)
    with showing(progress) as shown:
        workdir.mkdir(parents=True, exist_ok=True)
        with (
            signals.until(stop) as stopped,
            checkpoint.lock(workdir, parts.LOCK),
            launcher.pool(plan, command, workdir, stopped) as run,
        ):
            checks = [RERUN if rerun_changed else CHECK]
            drive = Drive(plan, workdir, launcher.workers, run, shown, stopped, checks)
            found = plan.in_rounds(workdir, lambda trials: _round(drive, checked(trials)))
    return results.warn_if_nothing(found)


def _round(drive: Drive, trials: Sequence[Trial]) -> results.Results:
    """Has these trials run, and reads the ledger back."""
    found = _standing(drive, trials)
    todo = cut(drive.plan, trials, found.done, drive.workers)
    for name, part in todo.items():
        parts.write(drive.workdir, name, part)
    there = sum(trial_id(trial) in found.done for trial in trials)
    drive.progress.start(len(trials), there)
    _have_run(drive, todo, found)
    read = results.collect(drive.workdir, trials)
    if read.rows and all(row["status"] == "error" for row in read.rows):
        raise Failed(f"program {read.rows[0]['program']}: {read.rows[0]['message']}")
    return read


def _standing(drive: Drive, trials: Sequence[Trial]) -> Found:
    """What earlier launches have found, as far as it stands."""
    workdir = drive.workdir
    parts.merge_all(workdir)
    rows = ledger.read(workdir / store.LEDGER)
    if any(row["status"] == "error" for row in rows):
        ledger.drop(workdir / store.LEDGER, lambda row: row["status"] == "error")
    if drive.checks and any(row["status"] != "error" for row in rows):
        # By a worker: the driver's host may have other devices.
        _drain(drive, [drive.checks.pop()])
    drive.checks.clear()
    return parts.found(workdir)


def _drain(drive: Drive, names: Sequence[str]) -> None:
    for _ in drive.run(names):
        if drive.stop():
            raise Interrupted


def cut(plan: Plan, trials: Sequence[Trial], done: set[str], workers: int) -> dict[str, Part]:
    """The parts that are left, by name; those of different programs take turns.

    A program whose trials prune each other is one part.
    """
    most = math.ceil(len(trials) / (SHARES * workers))
    lists = []
    for program in plan.programs:
        mine = [trial for trial in trials if trial.program == program]
        if mine:
            count = 1 if plan.prune else math.ceil(len(mine) / most)
            lists.append(_of_one_program(mine, count, done, plan.prune is not None))
    turns = itertools.chain.from_iterable(itertools.zip_longest(*lists))
    return dict(each for each in turns if each is not None)


def _of_one_program(
    trials: Sequence[Trial], count: int, done: set[str], together: bool
) -> list[tuple[str, Part]]:
    size = math.ceil(len(trials) / count)
    found = []
    for begin in range(0, len(trials), size):
        block = trials[begin : begin + size]
        left = [trial for trial in block if trial_id(trial) not in done]
        if left:
            asked = block if together else left
            found.append((trial_id(block[0]), Part(asked, size, len(trials), together)))
    return found


def _have_run(drive: Drive, todo: Mapping[str, Part], found: Found) -> None:
    """Has parts run, and merges each as it ends."""
    began, ended = time.perf_counter(), set[str]()
    for name in drive.run(list(todo)):
        ended |= {name} if name else set()
        for each in [each for each in ended if parts.merge(drive.workdir, each, found)]:
            ended.remove(each)
            now = time.perf_counter()
            part = todo[each]
            drive.progress.advance(part.trials[0].program, len(part.trials), now - began)
            began = now
        if drive.stop():
            raise Interrupted
    while ended:  # an orphan of an earlier launch looks whether there is anything to do
        if drive.stop():
            raise Interrupted
        time.sleep(SECONDS)
        ended -= {each for each in ended if parts.merge(drive.workdir, each, found)}
