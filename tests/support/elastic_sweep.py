"""`tiny_sweep` as a plan, for workers, and a launcher whose workers run in this process."""

import contextlib
from typing import NamedTuple

from support import tiny_sweep as tiny

from jaxdl import sweep
from jaxdl.cluster import workers

RATES = [0.01, 0.1, 1.0]


def plan(halving=False, rates=RATES):
    """Two programs, each with two trials of every initializer and rate."""
    space = sweep.grid(initializer=tiny.NAMES, learning_rate=rates)
    return sweep.Plan(
        tiny.PROGRAMS,
        sweep.trials(list(tiny.PROGRAMS), space, range(2)),
        tiny.DATA,
        segments=tiny.SEGMENTS,
        categories={"initializer": tiny.NAMES},
        prune=tiny.HALVING if halving else None,
    )


class Here(NamedTuple):
    """Runs the parts one after another; the driver is killed after so many."""

    workers: int
    ran: list[str]
    killed_after: int | None = None

    @contextlib.contextmanager
    def pool(self, plan, command, workdir, stop):
        def run(names):
            for name in names:
                if self.killed_after == len(self.ran):
                    raise KeyboardInterrupt
                refused = workers.run(plan, workdir, name, stop)
                if refused:
                    raise sweep.ForeignRows(refused)
                self.ran.append(name)
                yield name

        yield run
