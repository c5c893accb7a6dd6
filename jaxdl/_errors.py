"""Errors as their user wants to see them."""

from types import TracebackType

BENEATH = frozenset({"jaxdl", "jax", "jaxlib", "flax", "optax", "contextlib", "concurrent"})


class UserError(ValueError):
    """A mistake of the user's, in one line: what, where, and what would be right."""


def in_one_line(error: BaseException) -> str:
    """Its type and all that it says, without breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def from_your_code(
    error: BaseException,
) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """The error for a log, its traceback from the first line that is no library's of ours on.

    What is called by that line stays, whosever it is; where no line is the user's, all do.
    """
    first = error.__traceback__
    while first and first.tb_frame.f_globals.get("__name__", "").partition(".")[0] in BENEATH:
        first = first.tb_next
    return type(error), error, first or error.__traceback__
