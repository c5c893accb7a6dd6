"""Workers wherever a Dask cluster has some; they may come and go while a sweep runs.

Dask is what brings parts to hosts: it is pure Python, runs on every version that JAX does, gives
what a lost worker had to another one, and work to one that joins late.
"""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxdl._worker import Command, end, run_kept
from jaxdl.cluster.workers import SECONDS, TRIES, Lost, Pool, Unavailable, need
from jaxdl.sweep.conditions import ForeignRows
from jaxdl.sweep.plans import Plan

if TYPE_CHECKING:
    import distributed


class Elastic(NamedTuple):
    """Workers of the Dask cluster whose scheduler DASK_SCHEDULER_ADDRESS names.

    All that join are used, each thread for one part at a time; `workers` says how many to expect.
    """

    workers: int

    @contextlib.contextmanager
    def pool(
        self, plan: Plan, command: Command, workdir: Path, stop: Callable[[], bool]
    ) -> Iterator[Pool]:
        """See `Launcher`. Raises Unavailable without an address, and where nobody answers."""
        need("distributed", "cluster")
        import dask
        import distributed

        address, launch = dask.config.get("scheduler-address", None), uuid.uuid4().hex
        if address is None:
            raise Unavailable(
                "launcher cluster: DASK_SCHEDULER_ADDRESS is not set, to tcp://HOST:PORT of the "
                "scheduler of a Dask cluster"
            )
        try:
            client = distributed.Client(address)
        except OSError as error:
            raise Unavailable(f"launcher cluster: no scheduler at {address}: {error}") from error
        futures: dict[distributed.Future, str] = {}
        with client:
            try:
                yield partial(_run, client, futures, launch, command)
            finally:
                # First: a thread whose worker has ended would begin what is queued.
                client.cancel(list(futures))
                client.run(end, launch)


def _run(
    client: "distributed.Client",
    futures: "dict[distributed.Future, str]",
    launch: str,
    command: Command,
    names: Sequence[str],
) -> Iterator[str | None]:
    import distributed

    for name in names:
        # Keys of their own: what was run before is not to be remembered.
        key = f"{name}-{uuid.uuid4()}"
        future = client.submit(run_kept, launch, command, name, key=key, retries=TRIES - 1)
        futures[future] = name
    ended = distributed.as_completed(list(futures))
    while not ended.is_empty():
        for future in ended.next_batch(block=False):
            yield _name(future, futures.pop(future))
        yield None
        time.sleep(SECONDS)


def _name(future: "distributed.Future", name: str) -> str:
    """Of the part that a future has run."""
    error: Any = future.exception()
    if future.cancelled():
        raise Lost(f"part {name} was lost with its scheduler: {error}")
    if error is not None:
        raise Lost(f"part {name} was begun again and again: {error}") from error
    if refused := future.result():
        raise ForeignRows(refused)
    return name
