"""The shared runner of all experiments: from a command line to a finished workdir."""

import errno
import functools
import json
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxdl import checkpoint, cluster, report, signals, sweep
from jaxdl._errors import UserError
from jaxdl._workdir import CONFIG, ENVIRONMENT, REPORT, VERDICT
from jaxdl.launch import compiled, launched, launchers, pages, tracing, tracking, workdirs
from jaxdl.launch import config as configs
from jaxdl.launch.config import CONFIRM, PLAN, Command
from jaxdl.launch.dry_run import print_plan
from jaxdl.launch.experiment import Experiment
from jaxdl.launch.overfit import check_overfit
from jaxdl.launch.workdirs import OWN
from jaxdl.report.page import Section
from jaxdl.report.tables import Table
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.results import Results

OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
USERS = (
    checkpoint.WorkdirBusy,
    checkpoint.CheckpointError,
    cluster.Unavailable,
    sweep.ForeignRows,
    sweep.LedgerError,
    sweep.PruneError,
)
"""Errors that are mistakes of the user's."""
DONE, FAILED, USER_ERROR = 0, 1, 2


def main(experiment: Experiment) -> None:
    """Runs an experiment from `sys.argv` and exits: 0 done, 1 failed, 2 a mistake of the user's,
    75 interrupted and to be resumed by the same command."""
    try:
        name = launched.name_of(experiment)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(USER_ERROR)
    helps = {flag: use.help for flag, use in experiment.uses.items()}
    told: list[str] = []

    def formatwarning(message: Warning | str, *_: object, **__: object) -> str:
        told.append(str(message))
        return f"{name}: {message}\n"

    warnings.formatwarning = formatwarning
    if {"--help", "-h", "--helpfull"} & set(sys.argv[1:]):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `--help | head` is no error
        command_line = launched.command_of(experiment)
        print(configs.usage(_described(experiment), experiment.config, name, command_line, helps))
        sys.exit(DONE)
    try:
        sweep.take_all_cores()
        command = configs.parse(sys.argv, experiment.config, name, helps)
        if command.use is not None:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        cache = compiled.keep()
        code = launch(experiment, name, command)
        if cache and any(text.startswith(compiled.UNREADABLE) for text in told):
            compiled.drop_unreadable(cache)
        sys.exit(code)
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)


def _described(experiment: Experiment) -> str:
    """The head of an experiment's file and its claims, each with its threshold."""
    doc = launched.module_of(experiment).__doc__ or ""
    claims = [f"  {claim.declared()}" for claim in experiment.claims]
    return "\n".join([doc.strip(), *(["", "Claims:", *claims] if claims else [])])


def launch(experiment: Experiment, name: str, command: Command) -> int:
    """Plans, runs and concludes an experiment; returns the exit code. Raises UserError."""
    precision = command.config.precision
    if precision == "default":  # what the environment says stands
        return _launch(experiment, name, command)
    with jax.default_matmul_precision(precision):
        return _launch(experiment, name, command)


def _launch(experiment: Experiment, name: str, command: Command) -> int:
    began = time.perf_counter()
    workdir, settings = command.workdir, command.config.to_dict()
    workdirs.check_owner(workdir, name)
    if command.use is not None:
        print(_use(experiment, workdir, *command.use))
        return DONE
    if command.worker:
        cluster.serve(launchers.plan_of(experiment, command, command.worker), workdir)
        return DONE
    workdirs.check_workdir(workdir)
    tracking.check(command.trackers, workdir)
    differing = workdirs.differences(workdir, settings, experiment.config().to_dict())
    tells_only = command.dry_run or command.check_overfit
    settled = not (tells_only or differing or command.allow_config_change)
    if settled and (workdir / VERDICT).exists():
        after = "code that has changed since needs another workdir or --allow_config_change"
        print(f"{name}: {workdir} is complete; see {workdir / REPORT} ({after})")
        return tracking.tell_later(workdir, command.trackers)
    job = None if tells_only else launchers.join(command)
    try:
        plan = experiment.plan(command.config)
    except ValueError as error:
        raise UserError(" ".join(str(error).split())) from error
    refused = ""
    if differing and not command.allow_config_change:
        refused = (
            f"--workdir={workdir} was begun under another configuration: {'; '.join(differing)}; "
            "use another workdir, or --allow_config_change"
        )
        # Of a folder that says whose it is `check_owner` has taken care.
        if not tells_only or not (workdir / ENVIRONMENT).exists():
            raise UserError(refused)
    if tells_only:
        return _tell(command, plan, refused)
    execute = launchers.make(experiment, command, job)
    begin = functools.partial(_begin, experiment, name, command, plan, execute, began)
    if job is None:
        return begin()
    return job.take_part(workdir, begin, functools.partial(launchers.plan_of, experiment, command))


def _tell(command: Command, plan: Plan, refused: str) -> int:
    """Does what writes nothing. refused: why a run in this workdir would be."""
    try:
        plan.check()
    except sweep.PruneError as error:
        raise UserError(str(error)) from error
    if command.dry_run:
        print_plan(plan, plan.trials if refused else sweep.pending(command.workdir, plan.trials))
        if refused:
            print(f"a run is refused: {refused}")
        return DONE
    try:
        return DONE if check_overfit(plan) else FAILED
    except sweep.Failed as error:
        print(f"failed: {error}", file=sys.stderr)
        return FAILED


def _begin(
    experiment: Experiment,
    name: str,
    command: Command,
    plan: Plan,
    execute: launchers.Execute,
    began: float,
) -> int:
    """Runs a plan in its workdir, alone there."""
    workdir = command.workdir
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        (workdir / ".lock").touch()
    except OSError as error:
        raise UserError(f"--workdir={workdir} cannot be written: {error.strerror}") from None
    try:
        with (
            checkpoint.lock(workdir),
            workdirs.noting_failure(workdir, (*USERS, UserError)),
            signals.caught() as stop,
        ):
            return _run(experiment, name, command, plan, execute, began, stop)
    except USERS as error:
        raise UserError(str(error)) from error
    except OSError as error:
        if error.errno not in OF_THE_DISK:
            raise
        print(f"failed: {error}; what is on disk stays as it was", file=sys.stderr)
        return FAILED
    except (sweep.Failed, cluster.Lost) as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        print(f"failed: {error}", file=sys.stderr)
        return FAILED
    except sweep.Interrupted:
        print(f"{name}: interrupted; the same command goes on from here", file=sys.stderr)
        return signals.INTERRUPTED


def _use(experiment: Experiment, workdir: Path, use: str, text: str) -> str:
    if not (workdir / VERDICT).exists():
        raise UserError(f"--{use} needs a finished run, which --workdir={workdir} does not hold")
    try:
        return experiment.uses[use].run(workdir, text)
    except ValueError as error:
        raise UserError(f"--{use}: {' '.join(str(error).split())}") from error


def _run(
    experiment: Experiment,
    name: str,
    command: Command,
    plan: Plan,
    execute: launchers.Execute,
    began: float,
    stop: Callable[[], bool],
) -> int:
    """Runs what is left of a plan; what it took is kept, should it be interrupted."""
    workdir = command.workdir
    before = {file: file.read_bytes() for file in map(workdir.joinpath, OWN) if file.exists()}
    (workdir / VERDICT).unlink(missing_ok=True)
    workdirs.write(workdir / CONFIG, command.config.to_dict())
    facts = _facts(experiment, name, command, plan)
    workdirs.write(workdir / ENVIRONMENT, facts)
    options = {"stop": stop, "rerun_changed": command.allow_config_change}
    progress = sweep.reporter()
    plan = plan._replace(workdir=workdir)
    try:
        with tracing.window(workdir if command.profile else None) as begin:
            progress.ready = begin
            found = [execute(plan, PLAN, progress=progress, **options)]
        if command.profile:
            progress.note(tracing.told(workdir))
        if experiment.confirm is not None and (experiment.tolerant or not _failed(found)):
            second = experiment.confirm(command.config, plan, found[0])
            progress.note(f"what was chosen, on fresh seeds: {len(second.trials)} trials")
            found.append(execute(second, CONFIRM, progress=sweep.reporter(), **options))
    except (sweep.ForeignRows, sweep.PruneError):
        # What is refused leaves the workdir as it was.
        for file in map(workdir.joinpath, OWN):
            file.unlink(missing_ok=True)
        for file, content in before.items():
            file.write_bytes(content)
        raise
    except sweep.Interrupted:
        facts["seconds_before"] += time.perf_counter() - began
        workdirs.write(workdir / ENVIRONMENT, facts)
        raise
    if (failed := _failed(found)) and not experiment.tolerant:
        message = failed[0]["message"]
        names = ", ".join(dict.fromkeys(row["program"] for row in failed))
        print(f"failed: {names} ({message}); the traceback is above", file=sys.stderr)
        return FAILED
    with progress.aside("drawing the report"):
        tracking.tell(workdir, command.trackers)
        return _conclude(experiment, command, plan, found, began)


def _facts(experiment: Experiment, name: str, command: Command, plan: Plan) -> dict[str, Any]:
    """What the environment of a run says; `file`: of the user's, where it was launched from one."""
    file = launched.file_of(experiment)
    return {
        "experiment": name,
        **({"file": str(file)} if file else {}),
        "command": sys.argv[1:],
        **workdirs.environment(),
        "trials": len(plan.trials) + plan.follow,
        "seconds_before": workdirs.seconds_before(command.workdir),
    }


def _failed(found: Sequence[Results]) -> list[dict[str, Any]]:
    return [row for results in found for row in results.rows if row["status"] == "error"]


def _conclude(
    experiment: Experiment, command: Command, plan: Plan, found: Sequence[Results], began: float
) -> int:
    workdir, (results, *confirmed) = command.workdir, found
    conclusion = experiment.conclude(command.config, plan, results, *confirmed)
    for table in _first_tables(conclusion.sections):
        report.show(table)
    shutil.rmtree(workdir / "states", ignore_errors=True)
    facts = json.loads((workdir / ENVIRONMENT).read_text())
    settings = command.config.to_dict()
    repeating = launched.repeating(experiment, workdir)
    explored = report.trials(plan, found)
    name, question = facts["experiment"], launched.question_of(experiment)
    page = pages.page(name, question, conclusion, explored, settings, facts, repeating)
    report.write(page, workdir)
    seconds = facts["seconds_before"] + time.perf_counter() - began
    seeds = len({row["seed"] for row in found[-1].rows})  # those that the claims rest on
    report.write_verdict(workdir / VERDICT, seeds, seconds, conclusion.claims)
    if conclusion.headline or len(conclusion.claims) > 1:
        print(page.lead)
    report.show_claims(conclusion.claims)
    print(f"{workdir / REPORT} ({seconds:.0f} s)")
    return DONE


def _first_tables(sections: Sequence[Section]) -> list[Table]:
    """The tables of the first section that has any: what a terminal shows."""
    found = [
        [block for block in section.blocks if isinstance(block, Table)] for section in sections
    ]
    return next(filter(None, found), [])
