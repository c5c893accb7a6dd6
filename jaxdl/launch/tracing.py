"""A trace of a few seconds of training, for TensorBoard and xprof."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

PROFILE = "profile"
SECONDS = 3.0
"""How long a trace lasts: one of minutes is gigabytes that no viewer opens."""


@contextlib.contextmanager
def window(workdir: Path | None, seconds: float = SECONDS) -> Iterator[Callable[[], None]]:
    """Gives a function at whose first call a trace into `profile/` of the workdir begins.

    It ends `seconds` later, or with the block, and is written then. None: there is no trace.
    """
    begun = threading.Event()
    timer = threading.Timer(seconds, jax.profiler.stop_trace)
    timer.daemon = True

    def begin() -> None:
        if workdir is not None and not begun.is_set():
            begun.set()
            jax.profiler.start_trace(str(workdir / PROFILE))
            timer.start()

    try:
        yield begin
    finally:
        if begun.is_set():
            timer.cancel()
            timer.join()
            with contextlib.suppress(RuntimeError):  # it has ended
                jax.profiler.stop_trace()


def told(workdir: Path) -> str:
    """Where the trace of a run is, in a line."""
    if not (workdir / PROFILE).is_dir():
        return "no profile: there was nothing left to train"
    return (
        f"profile: at most {SECONDS:g} s from the first step on in {workdir / PROFILE} "
        f"(tensorboard --logdir={workdir}, with xprof installed)"
    )
