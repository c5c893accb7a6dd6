"""How a session can end before its last step, and what a terminal sees of it."""

import contextlib
import sys
from collections.abc import Iterator

from jaxdl.checkpoint import CheckpointError, WorkdirBusy
from jaxdl.streaming.conditions import FAILED, USER_ERROR, Refused


class Diverged(FloatingPointError):
    """A loss or a parameter is not finite; the checkpoints are of before."""


def code(error: Exception) -> int:
    """The exit code of a session that ends by an error."""
    return USER_ERROR if isinstance(error, Refused | WorkdirBusy) else FAILED


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """Around the calls of a program: what `fit` refuses or fails at ends it in one line.

    Exit code 2 for what the user asked for and cannot have (Refused, WorkdirBusy), 1 for a failed
    run (Diverged, CheckpointError, OSError). Other errors are faults of the program, and pass.
    """
    try:
        yield
    except (Refused, WorkdirBusy) as error:
        print(error, file=sys.stderr)
        sys.exit(code(error))
    except (Diverged, CheckpointError, OSError) as error:
        print(f"failed: {error}", file=sys.stderr)
        sys.exit(code(error))
