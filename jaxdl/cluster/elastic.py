"""Workers wherever a Dask cluster has some; they may come and go while a sweep runs.

Dask is what brings parts to hosts: it is pure Python, runs on every version that JAX does, gives
what a lost worker had to another one, and work to one that joins late.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxdl.cluster.processes import shares
from jaxdl.cluster.workers import SECONDS, TRIES, Command, Lost, Pool, Worker, need
from jaxdl.sweep.conditions import ForeignRows
from jaxdl.sweep.plans import Plan

if TYPE_CHECKING:
    import distributed

KEPT: dict[int, tuple[str, Worker]] = {}
"""In a Dask worker: what each of its threads keeps, and for which launch."""


class Elastic(NamedTuple):
    """Workers of the Dask cluster whose scheduler DASK_SCHEDULER_ADDRESS names; without that, a
    cluster of so many processes here, which ends with the sweep.

    A thread of a Dask worker runs one part at a time.
    """

    workers: int

    @contextlib.contextmanager
    def pool(
        self, plan: Plan, command: Command, workdir: Path, stop: Callable[[], bool]
    ) -> Iterator[Pool]:
        """See `Launcher`."""
        with contextlib.ExitStack() as stack:
            launch = uuid.uuid4().hex
            connected: list[distributed.Client] = []

            def run(names: Sequence[str]) -> Iterator[str | None]:
                if not connected:
                    connected.append(_client(self.workers, stack))
                    stack.callback(connected[0].run, end, launch)
                return _run(connected[0], launch, command, names)

            yield run


def _client(workers: int, stack: contextlib.ExitStack) -> "distributed.Client":
    need("distributed", "cluster")
    import dask
    import distributed

    stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": TRIES}))
    if dask.config.get("scheduler-address", None) is not None:
        return stack.enter_context(distributed.Client())
    cluster = distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=None,
        env=dict(shares(workers)[0].environment),
    )
    return stack.enter_context(distributed.Client(stack.enter_context(cluster)))


def _run(
    client: "distributed.Client", launch: str, command: Command, names: Sequence[str]
) -> Iterator[str | None]:
    import distributed

    futures = {
        # Keys of their own: what was run before is not to be remembered.
        client.submit(
            run_one, launch, command, name, key=f"{name}-{uuid.uuid4()}", retries=TRIES
        ): name
        for name in names
    }
    ended = distributed.as_completed(futures)
    while not ended.is_empty():
        for future in ended.next_batch(block=False):
            yield _name(future, futures[future])
        yield None
        time.sleep(SECONDS)


def _name(future: "distributed.Future", name: str) -> str:
    """Of the part that a future has run."""
    error: Any = future.exception()
    if error is not None:
        raise Lost(f"part {name} was begun again and again: {error}") from error
    if refused := future.result():
        raise ForeignRows(refused)
    return name


def run_one(launch: str, command: Command, name: str) -> str:
    """A task: one part, by the worker that this thread keeps; returns why it was refused."""
    thread = threading.get_ident()
    of, worker = KEPT.get(thread, ("", None))
    # Another launch may have another configuration, or other code.
    if worker is None or of != launch or worker.process.poll() is not None:
        if worker is not None:
            worker.close()
        worker = Worker(command)
        KEPT[thread] = launch, worker
    try:
        worker.run(name)
    except ForeignRows as refused:
        return str(refused)
    return ""


def end(launch: str) -> None:
    """In a Dask worker: ends the workers of a launch, which save what they are at."""
    for of, worker in list(KEPT.values()):
        if of == launch:
            worker.close()
