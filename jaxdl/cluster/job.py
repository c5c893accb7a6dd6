"""Workers that are the processes of a `jax.distributed` job, such as the hosts of a TPU pod.

The first process is the driver, and a worker like the others. It tells them by files of the workdir
what they are to do; trials need no collectives, and no process waits for another in a step.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxdl._files import write_atomic
from jaxdl.cluster.workers import SECONDS, Command, Pool, run
from jaxdl.sweep import parts, signals, store
from jaxdl.sweep.conditions import ForeignRows
from jaxdl.sweep.legs import Interrupted
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.space import trial_id

JOBS = "jobs"


class Job(NamedTuple):
    """All processes of this job, which `started` has found each other.

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
            self.tell(workdir, {"stage": command.words[-1], "names": list(names)})
            for name in names[:: self.workers]:
                if refused := run(plan, workdir, name, stop):
                    raise ForeignRows(refused)
                yield name
            others = [name for name in names if name not in names[:: self.workers]]
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
        place.mkdir(parents=True, exist_ok=True)
        write_atomic(place / f"{len(list(place.glob('*.json')))}.json", json.dumps(what))

    def follow(self, workdir: Path, plan_of: Callable[[str], Plan]) -> None:
        """Does, in the other processes, what the first one tells, until it says that it is over.

        plan_of: the plan of a stage, as the command's last word names it.
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
                if told is None:
                    return
                if plan is None or told["stage"] != stage:
                    stage, plan = told["stage"], plan_of(told["stage"])
                for name in told["names"][jax.process_index() :: self.workers]:
                    if refused := run(plan, workdir, name, asked):
                        raise ForeignRows(refused)
            raise Interrupted


def started() -> Job:
    """Joins the `jax.distributed` job that this process was started in; before JAX is first used.

    Addresses and numbers are those of Slurm, Open MPI, Kubernetes or a TPU pod, as
    `jax.distributed.initialize` finds them; elsewhere JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
    JAX_PROCESS_ID say them. At an address of this host alone, no other host is listened to.
    """
    address, given = os.environ.get("JAX_COORDINATOR_ADDRESS", ""), {}
    if "JAX_PROCESS_ID" in os.environ:
        names = {"num_processes": "JAX_NUM_PROCESSES", "process_id": "JAX_PROCESS_ID"}
        given = {name: int(os.environ[variable]) for name, variable in names.items()}
    here = address.startswith(("127.", "localhost:"))
    jax.distributed.initialize(coordinator_bind_address=address if here else None, **given)
    number = np.random.SeedSequence().generate_state(1)[0] >> 1
    return Job(int(multihost_utils.broadcast_one_to_all(np.int32(number))))


def _is_done(workdir: Path, name: str) -> bool:
    """Whether all trials of a part have rows."""
    part = parts.read(workdir, name)
    return part is None or not store.pending(parts.folder(workdir, name), part.trials)
