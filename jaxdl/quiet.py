"""Keeps log lines of libraries off the terminal, and their hands off the program's own logging."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def absl(level: int) -> Iterator[None]:
    """Within it, absl logs nothing below `level` (of `logging`), and leaves the root logger alone.

    At its first message, be it one that is not shown, absl calls `logging.basicConfig` where the
    root logger has no handler: importing Orbax, or grain, is enough. A later `basicConfig` of the
    program then does nothing, and its log goes to the stream of that moment, swapped or not.
    Afterwards handlers and levels are what they were.
    """
    from absl.logging import get_absl_logger

    logger, root = get_absl_logger(), logging.getLogger()
    before = logger.level
    # What Python falls back on where there is no handler: nothing of the program's is lost.
    handler = logging.lastResort or logging.NullHandler()
    stand_in = not root.handlers
    if stand_in:
        root.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
        if stand_in:
            root.removeHandler(handler)


@contextlib.contextmanager
def optuna() -> Iterator[None]:
    """Within it, Optuna says nothing of studies and trials, but warns."""
    from optuna import logging as its

    before = its.get_verbosity()
    its.set_verbosity(its.WARNING)
    try:
        yield
    finally:
        its.set_verbosity(before)
