"""What the processes of a job do after a step, each the same: they meet after steps that all know.

Process 0, which writes, says at each meeting after how many steps it wants to have the next, so
that few are needed between two checkpoints. In one process there is nothing to agree on.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from jaxdl import distributed, signals
from jaxdl.signals import Interrupted
from jaxdl.streaming import endings
from jaxdl.streaming.saving import Saver

Stop = Callable[[], bool]


class Due(NamedTuple):
    """What is due after a step."""

    save: bool
    stop: bool


@contextlib.contextmanager
def requests(stop: Stop | None) -> Iterator[Stop | None]:
    """Gives what tells, in this process, whether to stop; None: signals do, which JAX passes on."""
    if jax.process_count() == 1:
        with signals.until(stop, after="step") as stopped:
            yield stopped
        return
    try:
        with distributed.interruptible():
            yield stop
    except Interrupted:
        if stop is None and distributed.is_first():
            print("interrupted; the same program goes on from here", file=sys.stderr)
        raise


class Agreement:
    """asks: whether this process wants to stop, asked after each step; most: steps from one meeting
    to the next at most; step: the one after which it all begins."""

    def __init__(self, saver: Saver, asks: Stop | None, most: int, step: int):
        self._saver, self._asks, self._most = saver, asks, most
        self._last = self._next = step
        self._met = time.monotonic()
        self._failure: Exception | None = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Of several processes one that fails in the block goes on, and says so at the next
        meeting: the others would wait for it in the step."""
        try:
            yield
        except Exception as error:
            if jax.process_count() == 1:
                raise
            self._failure = self._failure or error

    def after(self, step: int, last: bool) -> Due:
        """What is due after `step`. Raises what was held, or Ended."""
        told = distributed.stopping()
        if told and distributed.is_first():
            print(f"stopping after step {step}; once more to stop at once", file=sys.stderr)
        mine = self._asks is not None and self._asks()
        every = self._asks is not None  # there is no knowing when
        if not (every or last or told or step >= self._next):
            return Due(False, False)
        due = False
        with self.held():
            due = self._saver.is_due(step)
        pace = (time.monotonic() - self._met) / max(1, step - self._last)
        patience = min(self._most, self._saver.patience(step, pace))
        said = self.meet(due, mine, patience)
        self._last, self._next, self._met = step, step + int(said[0, 2]), time.monotonic()
        stop = told or bool(said[:, 1].any())
        return Due(bool(last or stop or said[0, 0]), stop)

    def meet(self, *numbers: int) -> np.ndarray:
        """What every process says, int32 `[P, N]`; raises what was held, or Ended."""
        failure = self._failure
        return distributed.meet(failure, endings.code(failure) if failure else 0, *numbers)

    def end(self) -> None:
        """Returns when all is on disk; raises what was held or could not be written, or Ended."""
        with distributed.together(endings.code):
            if self._failure is not None:
                raise self._failure
            self._saver.wait()
