"""Trackers of training on a stream are told the rows that a checkpoint holds, and no others.

What a session wrote behind its last checkpoint is written anew by the next one, and told then.
"""

import contextlib
import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxdl._errors import in_one_line
from jaxdl.streaming.log import ROWS
from jaxdl.trackers import Identity, Record, Row, Tracker
from jaxdl.trackers.tracker import STREAM


class Telling:
    """Rows of `metrics.jsonl` as far as they are on disk, told once to each tracker.

    A tracker that fails is warned of, and told again with the next checkpoint.
    """

    def __init__(self, workdir: Path, config: Mapping[str, Any], trackers: Sequence[Tracker]):
        name = workdir.resolve().name
        self._identity = Identity(STREAM, name, name, config)
        self._path = workdir / ROWS
        self._records: list[Record | None] = [None] * len(trackers)
        self._told = [0] * len(trackers)
        self._trackers = trackers

    def tell(self, size: int) -> None:
        """Tells what is in the first `size` bytes; may be called in another thread."""
        for number, tracker in enumerate(self._trackers):
            with _told_of_failure():
                record = self._records[number] or tracker(self._identity)
                self._records[number] = record
                record.write(_read(self._path, self._told[number], size))
                self._told[number] = size

    def end(self, status: str | None) -> None:
        """Closes all; None: the run goes on another time."""
        for record in filter(None, self._records):
            with _told_of_failure():
                record.end(status)


@contextlib.contextmanager
def telling(
    workdir: Path, config: Mapping[str, Any], trackers: Sequence[Tracker]
) -> Iterator[Telling]:
    """Ends what was told, by whether the block came to its end."""
    told = Telling(workdir, config, trackers)
    try:
        yield told
    except BaseException:
        told.end(None)
        raise
    told.end("ok")


@contextlib.contextmanager
def _told_of_failure() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever a service raises, training goes on
        text = in_one_line(error)
        warnings.warn(f"a tracker was not told: {text}", stacklevel=3)


def _read(path: Path, begin: int, end: int) -> list[Row]:
    if begin >= end:
        return []
    with path.open("rb") as file:
        file.seek(begin)
        lines = file.read(end - begin).splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        (row.pop("step"), {n: math.nan if v is None else v for n, v in row.items()}) for row in rows
    ]
