"""Workers that are jobs of Slurm, by submitit; without Slurm, processes that submitit starts."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxdl._worker import Command, run_once
from jaxdl.cluster.workers import SECONDS, TRIES, Lost, Pool, need
from jaxdl.sweep.conditions import ForeignRows
from jaxdl.sweep.plans import Plan

if TYPE_CHECKING:
    import submitit

LOGS = "submitit"
MINUTES = 24 * 60
ARRAY = 1000
"""Jobs of an array: Slurm's MaxArraySize is 1,001, unless it is configured otherwise."""


class Submitit(NamedTuple):
    """A job for each part, `workers` of them at a time, in arrays where there is Slurm.

    options: parameters of submitit's executor, such as `slurm_partition`, `gpus_per_node` and
    `timeout_min`. Its files are in `submitit` in the workdir.
    """

    workers: int
    options: Mapping[str, Any] = {}

    @contextlib.contextmanager
    def pool(
        self, plan: Plan, command: Command, workdir: Path, stop: Callable[[], bool]
    ) -> Iterator[Pool]:
        """See `Launcher`."""
        executor = self._executor(workdir)
        slurm = executor.cluster == "slurm"
        jobs: dict[submitit.Job[str], str] = {}

        def run(names: Sequence[str]) -> Iterator[str | None]:
            todo, tries = list(names), dict.fromkeys(names, 0)
            while todo or jobs:
                count = len(todo) if slurm else self.workers - len(jobs)
                begun, todo = todo[:count], todo[count:]
                for array in _arrays(begun):
                    if slurm:
                        most = math.ceil(self.workers * len(array) / len(begun))
                        executor.update_parameters(slurm_array_parallelism=most)
                    started = executor.map_array(partial(run_once, command), array)
                    jobs.update(zip(started, array, strict=True))
                for job in [job for job in jobs if job.done()]:
                    name = jobs.pop(job)
                    tries[name] += 1
                    if _is_done(job, name, tries[name]):
                        yield name
                    else:
                        todo.append(name)
                yield None
                time.sleep(SECONDS)

        try:
            yield run
        finally:
            for job in jobs:
                job.cancel()

    def _executor(self, workdir: Path) -> "submitit.AutoExecutor":
        need("submitit", "submitit")
        import submitit

        options = dict(self.options)
        executor = submitit.AutoExecutor(workdir / LOGS, cluster=options.pop("cluster", None))
        # Without a limit of its own a local job is stopped after 90 seconds.
        executor.update_parameters(**{"name": "jaxdl", "timeout_min": MINUTES, **options})
        return executor


def _arrays(names: Sequence[str]) -> list[Sequence[str]]:
    """In arrays of a size that Slurm takes."""
    return [names[begin : begin + ARRAY] for begin in range(0, len(names), ARRAY)]


def _is_done(job: "submitit.Job[str]", name: str, tries: int) -> bool:
    """Whether a job that has ended has run its part."""
    error = job.exception()
    if error is None:
        if refused := job.result():
            raise ForeignRows(refused)
        return True
    if tries == TRIES:
        raise Lost(f"part {name} was begun {TRIES} times: {error}; see {job.paths.stderr}")
    return False
