"""A request to stop that comes as a signal: SIGTERM, or SIGINT from Ctrl-C."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)
INTERRUPTED = 75
"""The exit code of a program that ends by `Interrupted`: EX_TEMPFAIL, run it again."""


class Interrupted(SystemExit):
    """The program was asked to stop; its state is on disk and the next launch goes on from it.

    A program that does not catch it ends with exit code 75, without a traceback.
    """

    def __init__(self) -> None:
        super().__init__(INTERRUPTED)


@contextlib.contextmanager
def caught(*, only_defaults: bool = False, after: str = "segment") -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether one has come; a second one ends the process at once.

    only_defaults: leave a signal alone that the program handles itself. Outside the main thread,
    where Python lets nobody handle signals, none is caught.
    after: what is ended first, in the words that the reader is told.
    """
    received: list[int] = []
    before: dict[int, Any] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        print(f"stopping after this {after}; once more to stop at once", file=sys.stderr)

    if threading.current_thread() is threading.main_thread():
        handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
        before = {n: h for n, h in handlers.items() if not only_defaults or h in DEFAULTS}
    for each in before:
        signal.signal(each, handle)
    try:
        yield lambda: bool(received)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def until(
    stop: Callable[[], bool] | None, *, after: str = "segment"
) -> Iterator[Callable[[], bool]]:
    """Gives `stop`, or, where it is None, what tells whether a signal has asked for an end.

    Of an end that a signal has asked for, the user is told how the program goes on.
    """
    asked = caught(only_defaults=True, after=after)
    try:
        with contextlib.nullcontext(stop) if stop else asked as stopped:
            yield stopped
    except Interrupted:
        if stop is None:
            print("interrupted; the same program goes on from here", file=sys.stderr)
        raise
