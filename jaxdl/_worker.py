"""A worker of a sweep, as its driver sees it: a process that is told names of parts.

Jobs of Slurm and workers of Dask import this alone, and no JAX; see `jaxdl.cluster`.
"""

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Mapping
from typing import NamedTuple

OF_THE_HOST = "JAX_NUM_CPU_DEVICES", "NPROC"
"""What `_cpu.share` sets."""


class Command(NamedTuple):
    """How a worker is started, in which folder, and for which stage of a run with several plans."""

    words: tuple[str, ...]
    folder: str
    stage: str = ""


class Died(RuntimeError):
    """The process of a worker ended before it answered; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"its worker ended with exit code {self.code}"


class Worker:
    """A worker's process, as its driver sees it."""

    def __init__(self, command: Command, environment: Mapping[str, str] = os.environ) -> None:
        self.process = subprocess.Popen(
            command.words,
            cwd=command.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the driver, which ends its workers in its own way.
            start_new_session=True,
        )

    def run(self, name: str) -> str:
        """Has a part run, and waits; returns why it was refused, or nothing. Raises Died."""
        assert self.process.stdin
        assert self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{name}\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise Died(self.end())
        return str(json.loads(answer)["refused"])

    def close(self) -> None:
        """Tells the process that nobody listens any more, whereupon it saves and ends."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def end(self) -> int:
        """Waits until it has ended; its exit code."""
        self.close()
        code = self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
        return code


KEPT: dict[int, tuple[str, Worker]] = {}
"""In a Dask worker: what each of its threads keeps, and for which launch."""


def run_once(command: Command, name: str) -> str:
    """A job: one part, by a worker of its own; returns why it was refused, or nothing."""
    environment = dict(os.environ)
    if "SLURM_JOB_ID" in environment:
        # Slurm hands on what the driver's host has; of this one the job has the cores it was given.
        for variable in OF_THE_HOST:
            environment.pop(variable, None)
    worker = Worker(command, environment)
    try:
        return worker.run(name)
    finally:
        worker.end()


def run_kept(launch: str, command: Command, name: str) -> str:
    """A task: one part, by the worker that this thread keeps; returns why it was refused."""
    thread = threading.get_ident()
    of, worker = KEPT.get(thread, ("", None))
    # Another launch may have another configuration, or other code.
    if worker is None or of != launch or worker.process.poll() is not None:
        if worker is not None:
            worker.end()
        worker = Worker(command)
        KEPT[thread] = launch, worker
    return worker.run(name)


def end(launch: str) -> None:
    """In a Dask worker: ends the workers of a launch, which save what they are at."""
    for of, worker in list(KEPT.values()):
        if of == launch:
            worker.close()
