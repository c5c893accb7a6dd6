"""Exception raised for invalid data."""

import inspect
import warnings


class DataError(ValueError):
    """Data that is missing, damaged or malformed; the message is one line for the user."""


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """A warning that shows the line of the caller outside of this package."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_globals["__name__"].startswith("jaxdl."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
