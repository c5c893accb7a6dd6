"""The ledger of a sweep: one line of strict JSON per finished trial, only ever appended.

A row is a dict with the trial's id under `trial`. A row is whole when its line feed is there; what
follows the last line feed was being written when a process died, and that trial is run again.
"""

import json
import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas

from jaxdl._files import write_atomic

Row = dict[str, Any]


class LedgerError(ValueError):
    """A line of the ledger, other than a torn last one, is not a row."""


def read(path: str | os.PathLike[str]) -> list[Row]:
    """All rows, in the order written; none if there is no file.

    A torn last line is dropped and a second row of a trial ignored, each with a warning that
    names the line. Raises LedgerError for any other line that is not a row.
    """
    if not Path(path).exists():
        return []
    *lines, torn = Path(path).read_bytes().split(b"\n")
    rows: dict[str, Row] = {}
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line, parse_constant=_refuse)
            trial = _trial(row)
        except ValueError as error:
            raise LedgerError(
                f"{path}, line {number} is not a row ({error}); delete it and its trial runs again"
            ) from None
        if trial in rows:
            warnings.warn(
                f"{path}, line {number} is ignored: trial {trial} has a row already", stacklevel=2
            )
        rows.setdefault(trial, row)
    if torn:
        warnings.warn(f"{path}, line {len(lines) + 1} is torn: its trial runs again", stacklevel=2)
    return list(rows.values())


def append(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Adds rows as one batch and returns when it is on disk; a torn last line is cut off first.

    NumPy and JAX scalars become numbers, arrays lists, NaN and infinities null. One writer at a
    time. Raises ValueError for a row without an id or with one used in this batch, TypeError for
    what JSON cannot hold, and OSError if the disk fails or is full: then no row was added.
    """
    plain = [_plain(row) for row in rows]
    if not plain:
        return
    trials = [_trial(row) for row in plain]
    if len(set(trials)) < len(trials):
        twice = next(trial for trial in trials if trials.count(trial) > 1)
        raise ValueError(f"trial {twice} has two rows")
    text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in plain)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        whole = _whole_size(file)
        os.ftruncate(file, whole)
        try:
            left = memoryview(text.encode())
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
        except OSError:
            os.ftruncate(file, whole)
            raise
    finally:
        os.close(file)


def drop(path: str | os.PathLike[str], unwanted: Callable[[Row], bool]) -> None:
    """Rewrites the file without the rows that are unwanted, whole or not at all."""
    text = "".join(
        json.dumps(row, allow_nan=False) + "\n" for row in read(path) if not unwanted(row)
    )
    write_atomic(path, text)


def to_pandas(rows: Iterable[Row]) -> "pandas.DataFrame":
    """One line per row; nested dicts become columns such as `hparams.learning_rate`."""
    return pandas.json_normalize(list(rows))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _trial(row: object) -> str:
    if not isinstance(row, dict) or not isinstance(row.get("trial"), str):
        raise ValueError("there is no trial id in it")
    return row["trial"]


def _plain(value: Any) -> Any:
    """`value` in the types of JSON; what is not finite as None."""
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "dtype"):
        return _plain(np.asarray(value).tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _whole_size(file: int) -> int:
    """The bytes up to and with the last line feed."""
    size = os.fstat(file).st_size
    block = 1 << 16
    for end in range(size, 0, -block):
        start = max(end - block, 0)
        feed = os.pread(file, end - start, start).rfind(b"\n")
        if feed >= 0:
            return start + feed + 1
    return 0
