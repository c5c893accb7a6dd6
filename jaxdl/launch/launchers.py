"""Where an experiment's trials run: here, or by the workers that `--launcher` names."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax

from jaxdl import cluster
from jaxdl._files import write_atomic
from jaxdl.launch.commands import launched
from jaxdl.launch.config import LOCAL, PLAN, Command
from jaxdl.launch.experiment import Experiment
from jaxdl.sweep import ledger, store
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.results import Results

FIRST = "first.json"
"""The ids of the trials of the plan, for workers of the one that confirms what they have shown."""

PREALLOCATE = "XLA_PYTHON_CLIENT_PREALLOCATE"

Execute = Callable[..., Results]
"""`(plan, stage, **options) -> results`."""


def make(experiment: Experiment, name: str, command: Command, job: cluster.Job | None) -> Execute:
    """How the plans of a run are executed."""

    def here(plan: Plan, stage: str, **options: Any) -> Results:
        return plan.execute(command.workdir, **options)

    def elsewhere(plan: Plan, stage: str, **options: Any) -> Results:
        found = cluster.execute(
            plan,
            _worker(name, command, stage),
            workdir=command.workdir,
            launcher=_launcher(command, job),
            **options,
        )
        if stage == PLAN and experiment.confirm is not None:
            path = command.workdir / store.CHUNKS / FIRST
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, json.dumps([row["trial"] for row in found.rows]))
        return found

    return here if command.launcher == LOCAL else elsewhere


def join(command: Command) -> cluster.Job | None:
    """The job of `--launcher=distributed`, joined; leaves accelerators to the workers of others."""
    if command.launcher == "distributed":
        return cluster.joined()
    if command.launcher != LOCAL:
        # This process needs next to nothing of a device, and by default takes most of its memory.
        before = os.environ.pop(PREALLOCATE, None)
        os.environ[PREALLOCATE] = "false"
        jax.local_devices()
        del os.environ[PREALLOCATE]  # workers are not to inherit it
        if before is not None:
            os.environ[PREALLOCATE] = before
    return None


def plan_of(experiment: Experiment, command: Command, stage: str) -> Plan:
    """The plan of a stage, as a worker makes it."""
    plan = experiment.plan(command.config)._replace(workdir=command.workdir)
    if stage == PLAN:
        return plan
    assert experiment.confirm is not None
    path = command.workdir / store.CHUNKS / FIRST
    rows = {row["trial"]: row for row in ledger.read(command.workdir / store.LEDGER)}
    found = Results([rows[trial] for trial in json.loads(path.read_text())], command.workdir)
    return experiment.confirm(command.config, plan, found)


def _worker(name: str, command: Command, stage: str) -> cluster.Command:
    workdir = command.workdir.absolute()
    config = f"--config={workdir / 'config.json'}"
    words = (sys.executable, *launched(name), config, f"--workdir={workdir}", f"--worker={stage}")
    return cluster.Command(words, os.getcwd(), stage)


def _launcher(command: Command, job: cluster.Job | None) -> cluster.Launcher:
    if job is not None:
        return job
    workers = command.workers or len(jax.local_devices())
    made: Mapping[str, Callable[[], cluster.Launcher]] = {
        "processes": lambda: cluster.Processes(workers),
        "submitit": lambda: cluster.Submitit(workers, command.submitit),
        "cluster": lambda: cluster.Elastic(workers),
    }
    return made[command.launcher]()
