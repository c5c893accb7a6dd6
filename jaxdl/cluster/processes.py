"""Workers that are processes of this machine, each on its share of the cores or accelerators."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax

from jaxdl._worker import Command, Died, Worker
from jaxdl.cluster.workers import SECONDS, TRIES, Lost, Pool
from jaxdl.sweep.conditions import ForeignRows
from jaxdl.sweep.plans import Plan


class Processes(NamedTuple):
    """So many processes here. One that dies is replaced."""

    workers: int

    @contextlib.contextmanager
    def pool(
        self, plan: Plan, command: Command, workdir: Path, stop: Callable[[], bool]
    ) -> Iterator[Pool]:
        """See `Launcher`."""
        todo: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        ended: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()
        closing = threading.Event()
        keepers = [_Keeper(command, share, todo, ended, closing) for share in shares(self.workers)]

        def run(names: Sequence[str]) -> Iterator[str | None]:
            for name in names:
                todo.put(name)
            left = len(names)
            while left:
                try:
                    found = ended.get(timeout=SECONDS)
                except queue.Empty:
                    yield None
                    continue
                if isinstance(found, Exception):
                    raise found
                left -= 1
                yield found

        for keeper in keepers:
            keeper.start()
        try:
            yield run
        finally:
            closing.set()
            for keeper in keepers:
                todo.put(None)
                if keeper.worker is not None:
                    keeper.worker.close()
            for keeper in keepers:
                keeper.join()


class Share(NamedTuple):
    """What a worker gets of this machine: cores, and what its environment says."""

    cores: frozenset[int]
    environment: Mapping[str, str]


def shares(workers: int) -> list[Share]:
    """Cores and devices in equal shares; where there are fewer than workers, they take turns."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    devices = jax.local_devices()
    own = [_of(range(len(devices)), workers, number) for number in range(workers)]
    return [
        Share(frozenset(_of(cores, workers, number)), _environment(devices[0].platform, mine, own))
        for number, mine in enumerate(own)
    ]


def _of(things: Sequence[int], workers: int, number: int) -> list[int]:
    if not things:
        return []
    return list(things[number::workers]) or [things[number % len(things)]]


def _environment(
    platform: str, mine: Sequence[int], own: Sequence[Sequence[int]]
) -> dict[str, str]:
    if platform == "cpu":
        return {"JAX_NUM_CPU_DEVICES": str(len(mine)), "NPROC": str(len(mine) + 1)}
    beside = sum(mine[0] in each for each in own)
    visible = ",".join(map(str, mine))
    found = {"JAX_CUDA_VISIBLE_DEVICES": visible, "JAX_ROCM_VISIBLE_DEVICES": visible}
    return found | (
        {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{0.75 / beside:.2f}"} if beside > 1 else {}
    )


class _Keeper(threading.Thread):
    """Keeps one worker at work."""

    def __init__(
        self,
        command: Command,
        share: Share,
        todo: "queue.SimpleQueue[str | None]",
        ended: "queue.SimpleQueue[str | Exception]",
        closing: threading.Event,
    ) -> None:
        super().__init__(daemon=True)
        self.command, self.share = command, share
        self.todo, self.ended, self.closing = todo, ended, closing
        self.worker: Worker | None = None

    def run(self) -> None:
        """Until it is told that there is no more."""
        if self.share.cores:
            # Of this thread, and of the processes that it starts.
            os.sched_setaffinity(0, self.share.cores)
        while (name := self.todo.get()) is not None and not self.closing.is_set():
            try:
                refused = self._have_run(name)
                self.ended.put(ForeignRows(refused) if refused else name)
            except Exception as error:
                self.ended.put(error)
        if self.worker is not None:
            self.worker.end()

    def _have_run(self, name: str) -> str:
        for left in reversed(range(TRIES)):
            try:
                if self.worker is None:
                    self.worker = Worker(self.command, {**os.environ, **self.share.environment})
                if self.closing.is_set():  # since the others were closed
                    self.worker.close()
                return self.worker.run(name)
            except Died as error:
                self.worker = None
                if self.closing.is_set():
                    return ""
                if not left:
                    raise Lost(f"part {name} was begun {TRIES} times: {error}") from None
        return ""
