"""What a tracker is told, and what it promises."""

import hashlib
import importlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

Row = tuple[int, Mapping[str, float]]
"""A step of training, and numbers by name: `train/loss`, `evaluation/accuracy`."""


STREAM = "stream"
"""The id of training on a stream."""


class Unavailable(ValueError):
    """A tracker whose package is not installed."""


class Identity(NamedTuple):
    """Which run it is: a trial of a sweep, or training on a stream.

    id: unique in its workdir. name: for people. group: of runs that differ in their seed alone.
    hparams: plain values by name. version: changes with the rows; what was told under another one
    is replaced.
    """

    id: str
    name: str
    group: str
    hparams: Mapping[str, Any]
    version: str = ""


class Record(Protocol):
    """A run as a tracker has it."""

    def write(self, rows: Iterable[Row]) -> None:
        """Adds rows, in their order; those that it has already are not added again."""

    def end(self, status: str | None) -> None:
        """Closes it: the status of a trial, or None for a run that will go on."""


Tracker = Callable[[Identity], Record]
"""Opens a run, which is then told its rows from the first one on, whatever was told before."""


def package(name: str) -> Any:
    """An optional package; Unavailable, in one line, where it is not installed."""
    try:
        return importlib.import_module(name.partition("-")[0])
    except ModuleNotFoundError:
        raise Unavailable(f"the package {name} is not installed: pip install {name}") from None


def place(workdir: Path) -> str:
    """16 hexadecimal digits that tell a workdir from others on this machine."""
    return hashlib.sha256(str(workdir.resolve()).encode()).hexdigest()[:16]
