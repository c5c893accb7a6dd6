"""Time series as a network takes them: cut by time, scaled by what it trains on, in windows.

A series is an array of real numbers `[T]` or `[T, D]`, at equal steps in order of time, NaN where a
value is missing (`frame.set_index("time").asfreq("h")` of pandas writes NaN where rows are). No
input of a window lies behind its first target, no target of training behind the training part, and
the scaling is of that part alone. The windows of a later part may read what was before it: whoever
forecasts knows it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxdl.data import cells, scaling
from jaxdl.data.check import check_finite
from jaxdl.data.errors import DataError
from jaxdl.data.scaling import Scaling

PARTS = ("train", "validation", "test")


class Prepared(NamedTuple):
    """Windows of one series or several, and what they were scaled by.

    parts: train, validation and test, each
        `{"x": float32 [N, length, D], "y": float32 [N, horizon, D], "series", "step": int32 [N]}`:
        which series, and the step of the first target
    scalings: of each series, each with arrays `[D]`
    """

    parts: dict[str, dict[str, np.ndarray]]
    scalings: list[Scaling]


def prepare(
    series: Sequence[np.ndarray],
    length: int,
    horizon: int,
    *,
    validation: float = 0.15,
    test: float = 0.15,
    longest_gap: int = 0,
) -> Prepared:
    """Each series cut by time, scaled by its own training part, in windows of all of them.

    length, horizon: steps that a window reads, and steps behind them that are its targets.
    validation, test: shares of each series' steps, at its end, in this order.
    longest_gap: see `windows`.
    Raises DataError for no series, for series of unequal numbers of columns, for one that is too
    short for a window in each part, and where missing values leave none.
    """
    found: dict[str, list[dict[str, np.ndarray]]] = {part: [] for part in PARTS}
    scalings: list[Scaling] = []
    if not len(series):
        raise DataError("there is no series")
    for number, one in enumerate(series):
        values = _columns(one, f"series {number}")
        if scalings and len(scalings[0].mean) != values.shape[1]:
            raise DataError(
                f"series {number} has {values.shape[1]} columns, series 0 {len(scalings[0].mean)}"
            )
        ends = split(len(values), length, horizon, validation, test)
        scalings.append(fit(values[: ends[0]]))
        scaled = scaling.apply(scalings[-1], values)
        for part, start, stop in zip(PARTS, (0, *ends[:-1]), ends, strict=True):
            own = windows(scaled, length, horizon, start, stop, longest_gap)
            own["series"] = np.full(len(own["step"]), number, np.int32)
            found[part].append(own)
    parts = {
        part: {name: np.concatenate([each[name] for each in own]) for name in own[0]}
        for part, own in found.items()
    }
    for part, arrays in parts.items():
        if not len(arrays["step"]):
            raise DataError(
                f"{part}: missing values leave no window of {length} inputs and {horizon} targets; "
                "take shorter windows, or a larger longest_gap"
            )
    return Prepared(parts, scalings)


def split(
    steps: int, length: int, horizon: int, validation: float = 0.15, test: float = 0.15
) -> tuple[int, int, int]:
    """Where the training, the validation and the test part of a series of so many steps end.

    Raises DataError where a part has no room for its targets, or the first none for a window, and
    for shares outside 0 … 1.
    """
    for part, share in zip(PARTS[1:], (validation, test), strict=True):
        if not 0 <= share <= 1:
            raise DataError(f"{part}: {share} is no share of a series, from 0 to 1")
    held_out = [round(share * steps) for share in (validation, test)]
    sizes = dict(zip(PARTS, (steps - sum(held_out), *held_out), strict=True))
    for part, needed in zip(PARTS, (length + horizon, horizon, horizon), strict=True):
        if sizes[part] < needed:
            raise DataError(
                f"a series of {steps} steps is too short: {sizes[part]} are for {part}, {needed} "
                f"are needed for windows of {length} inputs and {horizon} targets"
            )
    return sizes["train"], steps - sizes["test"], steps


def fit(values: np.ndarray) -> Scaling:
    """Mean and deviation of each column of `[T]` or `[T, D]`, of the values that are there: `[D]`.

    Give it the training part. Raises DataError for a column without a value, and for infinities.
    """
    columns = _columns(values, "scaling")
    there = [column[~np.isnan(column)] for column in columns.T]
    if not all(map(len, there)):
        raise DataError("scaling: a column has no value in the training part")
    fitted = [scaling.fit_whole(column) for column in there]
    means, scales = zip(*fitted, strict=True)
    return Scaling(np.array(means), np.array(scales))


def windows(
    values: np.ndarray,
    length: int,
    horizon: int,
    start: int = 0,
    stop: int | None = None,
    longest_gap: int = 0,
) -> dict[str, np.ndarray]:
    """Every window whose targets lie in the steps start … stop − 1: x, y and `step`.

    values: `[T]` or `[T, D]`. x `[N, length, D]` are the steps before y `[N, horizon, D]`, which
    begins at `step`, int32 `[N]`. A missing input is the last value before it, if that is at most
    `longest_gap` steps back; a target is never made up. Windows with another missing value are
    left out. Raises DataError for lengths below 1, and a gap below 0.
    """
    if min(length, horizon) < 1 or longest_gap < 0:
        raise DataError(
            f"windows of {length} inputs and {horizon} targets over gaps of {longest_gap}: 1 or "
            "more of each are needed, and 0 or more of the gaps"
        )
    values = _columns(values, "windows")
    stop = len(values) if stop is None else stop
    steps = np.arange(max(start, length), stop - horizon + 1)
    if not len(steps):
        empty = {name: np.zeros((0, size, values.shape[1]), values.dtype)
                 for name, size in (("x", length), ("y", horizon))}  # fmt: skip
        return {**empty, "step": np.zeros(0, np.int32)}
    inputs = carried(values, longest_gap)
    x, y = (
        np.lib.stride_tricks.sliding_window_view(array, size, axis=0)[first].swapaxes(1, 2)
        for array, size, first in ((inputs, length, steps - length), (values, horizon, steps))
    )
    whole = ~(np.isnan(x).any(axis=(1, 2)) | np.isnan(y).any(axis=(1, 2)))
    return {
        "x": np.ascontiguousarray(x[whole]),
        "y": np.ascontiguousarray(y[whole]),
        "step": steps[whole].astype(np.int32),
    }


def carried(values: np.ndarray, longest_gap: int) -> np.ndarray:
    """`[T, D]` in which a missing value is the last one before it, up to so many steps back."""
    if not longest_gap:
        return values
    return pd.DataFrame(values).ffill(limit=longest_gap).to_numpy(values.dtype)


def read_column(path: str | Path, column: str) -> np.ndarray:
    """A column of a file of comma-separated values with a header, float64 `[T]`.

    NaN stands for empty cells (and NA, nan, null); empty lines at the end are no values.
    Raises DataError, in one line, where there is no such file, table or column, or where a cell
    holds something else than a number.
    """
    frame = cells.read_csv(path, blank_lines=True)
    cells.require(frame, [column], path)
    values = frame[column]
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero((np.isnan(numbers) & values.notna().to_numpy()) | np.isinf(numbers))
    if len(wrong):
        raise DataError(
            f"{path}, line {wrong[0] + 2}: column {column!r} holds {str(values.iloc[wrong[0]])!r}; "
            "numbers are needed, an empty cell where one is missing"
        )
    there = np.flatnonzero(~np.isnan(numbers))
    if not len(there):
        raise DataError(f"{path}: column {column!r} holds no number")
    filled = frame.notna().any(axis=1).to_numpy()
    return numbers[: np.flatnonzero(filled)[-1] + 1]


def _columns(values: np.ndarray, where: str) -> np.ndarray:
    """A series as `[T, D]` of floats; DataError for other shapes and for infinities."""
    values = np.asarray(values)
    if values.ndim not in (1, 2) or not values.size:
        raise DataError(f"{where}: a series is an array [T] or [T, D], not {list(values.shape)}")
    columns = values.reshape(len(values), -1)
    if columns.dtype.kind != "f":
        check_finite(where, "values", columns)
        return columns.astype(np.float64)
    check_finite(where, "values", np.where(np.isnan(columns), 0, columns))
    return columns
