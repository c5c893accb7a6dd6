"""Checkpoints that are written beside the training, by a thread that fails loudly."""

import logging
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

from jaxdl import checkpoint, quiet
from jaxdl.types import PyTree

CHECKPOINTS, BEST = "checkpoints", "best"


class Saver:
    """Writes one checkpoint at a time; what it could not write is raised by the next call.

    seconds, steps: a checkpoint is due when so much went by since the last one; None: not for that
    reason. keep: how many of the newest stay.
    """

    def __init__(self, workdir: Path, seconds: float | None, steps: int | None, keep: int):
        self._workdir, self._seconds, self._steps, self._keep = workdir, seconds, steps, keep
        self._pool = ThreadPoolExecutor(1, "checkpoint")
        # Orbax takes most of a second to import, which the step's compilation takes anyway.
        self._writing: Future[Any] = self._pool.submit(_import)
        self.begin(0)

    def begin(self, step: int) -> None:
        """Counts from here: the newest checkpoint is of `step`, or there is none if 0."""
        self.step, self._saved = step, time.monotonic()

    def is_due(self, step: int) -> bool:
        """Whether to save after `step`; not while a checkpoint is being written."""
        if not self._writing.done():
            return False
        self.wait()
        return (self._steps is not None and step - self.step >= self._steps) or (
            self._seconds is not None and time.monotonic() - self._saved >= self._seconds
        )

    def patience(self, step: int, pace: float) -> int:
        """Steps until it is worth while to ask `is_due` again, of so many seconds each."""
        pace = max(pace, 1e-9)
        if not self._writing.done():  # half as long again
            return max(1, int((time.monotonic() - self._saved) / pace / 2))
        waits = [self._steps - (step - self.step)] if self._steps is not None else []
        if self._seconds is not None:
            left = self._seconds - (time.monotonic() - self._saved)
            waits.append(int(min(left / pace / 2, sys.maxsize)))
        return max(1, min(waits, default=sys.maxsize))

    def save(
        self,
        step: int,
        tree: PyTree,
        meta: Mapping[str, Any],
        first: Callable[[], None],
        then: Callable[[], None],
    ) -> None:
        """Begins to write a checkpoint, once `first` is done and the one before is written; `then`
        is done when it is on disk."""
        self.wait()
        self.begin(step)

        def write() -> None:
            first()
            checkpoint.save(self._workdir / CHECKPOINTS, step, tree, meta, keep=self._keep)
            then()

        self._writing = self._pool.submit(write)

    def save_best(self, step: int, tree: PyTree, meta: Mapping[str, Any]) -> None:
        """Begins to write what replaces all that was best before."""
        self.wait()
        self._writing = self._pool.submit(_replace, self._workdir / BEST, step, tree, meta)

    def wait(self) -> None:
        """Returns when all is on disk, or raises what went wrong: OSError where the disk fails."""
        self._writing.result()

    def __enter__(self) -> "Saver":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True)
        if error is None:
            self.wait()
        elif (failure := self._writing.exception()) not in (None, error):
            warnings.warn(f"a checkpoint could not be written: {failure}", stacklevel=2)


def _import() -> None:
    with quiet.absl(logging.WARNING):
        import orbax.checkpoint  # noqa: F401


def _replace(directory: Path, step: int, tree: PyTree, meta: Mapping[str, Any]) -> None:
    saved = checkpoint.save(directory, step, tree, meta, keep=1)
    # Of a session that went on from an earlier step there may be later ones.
    for path in directory.glob("step_*"):
        if path != saved:
            shutil.rmtree(path)
