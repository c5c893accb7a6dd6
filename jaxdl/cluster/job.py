"""Workers that are the processes of a `jax.distributed` job, such as the hosts of a TPU pod.

The first process is the driver, and a worker like the others. It tells them by files of the workdir
what they are to do; trials need no collectives, and no process waits for another in a step.
"""

import contextlib
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxdl import distributed, signals
from jaxdl._files import write_atomic
from jaxdl._worker import Command
from jaxdl.cluster.workers import SECONDS, Pool, run
from jaxdl.signals import INTERRUPTED, Interrupted
from jaxdl.sweep import parts, store
from jaxdl.sweep.conditions import ForeignRows
from jaxdl.sweep.plans import Plan

JOBS = "jobs"


class Job(NamedTuple):
    """All processes of this job, which `joined` has brought together.

    number: of the job, the same in all its processes and other than that of an earlier one.
    """

    number: int

    @property
    def workers(self) -> int:
        """Processes of the job."""
        return jax.process_count()

    @contextlib.contextmanager
    def pool(
        self, plan: Plan, command: Command, workdir: Path, stop: Callable[[], bool]
    ) -> Iterator[Pool]:
        """See `Launcher`; for the first process. Nothing is started."""

        def run_all(names: Sequence[str]) -> Iterator[str | None]:
            self.tell(workdir, {"stage": command.stage, "names": list(names)})
            mine = names[:: self.workers]
            for name in mine:
                if refused := run(plan, workdir, name, stop):
                    raise ForeignRows(refused)
                yield name
            others = [name for name in names if name not in mine]
            while others:
                for name in [name for name in others if _is_done(workdir, name)]:
                    others.remove(name)
                    yield name
                yield None
                time.sleep(SECONDS)

        yield run_all

    def tell(self, workdir: Path, what: object) -> None:
        """What the others are to do next."""
        place = workdir / JOBS / str(self.number)
        if not place.is_dir():
            shutil.rmtree(workdir / JOBS, ignore_errors=True)  # of jobs that are over
            place.mkdir(parents=True)
        write_atomic(place / f"{len(list(place.glob('*.json')))}.json", json.dumps(what))

    def take_part(
        self, workdir: Path, drive: Callable[[], int], plan_of: Callable[[str], Plan]
    ) -> int:
        """What this process does of the job: `drive` in the first one; its exit code, in all."""
        if jax.process_index():
            try:
                return self.follow(workdir, plan_of)
            except BaseException as error:
                _leave(error)
        code = 1
        try:
            code = drive()
        finally:
            if workdir.is_dir():
                self.tell(workdir, {"code": code})
        return code

    def follow(self, workdir: Path, plan_of: Callable[[str], Plan]) -> int:
        """Does, in the other processes, what the first one tells, until it tells its exit code.

        plan_of: the plan of a stage, as the command names it.
        """
        place, heard, stage, plan = workdir / JOBS / str(self.number), 0, "", None
        with signals.caught() as asked:
            while not asked():
                path = place / f"{heard}.json"
                if not path.exists():
                    time.sleep(SECONDS)
                    continue
                told = json.loads(path.read_text())
                heard += 1
                if "code" in told:
                    return int(told["code"])
                if plan is None or told["stage"] != stage:
                    stage, plan = told["stage"], plan_of(told["stage"])
                for name in told["names"][jax.process_index() :: self.workers]:
                    if refused := run(plan, workdir, name, asked):
                        raise ForeignRows(refused)
            raise Interrupted


def joined() -> Job:
    """Joins the `jax.distributed` job that this process was started in; before JAX is first used.

    Addresses and numbers are found as `distributed.start` finds them.
    """
    distributed.start()
    number = np.random.SeedSequence().generate_state(1)[0] >> 1
    return Job(int(multihost_utils.broadcast_one_to_all(np.int32(number))))


def _leave(error: BaseException) -> NoReturn:
    """Ends the process at once: the others end when they miss it. Usually JAX would first wait for
    them, while they wait for what this process has not done."""
    if not isinstance(error, Interrupted):
        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED if isinstance(error, Interrupted) else 1)


def _is_done(workdir: Path, name: str) -> bool:
    """Whether all trials of a part have rows."""
    part = parts.read(workdir, name)
    return part is None or not store.pending(parts.folder(workdir, name), part.trials)
