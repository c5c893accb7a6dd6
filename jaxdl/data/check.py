"""Validation on the host: compiled code clamps bad indices and spreads NaN without a word."""

from collections.abc import Mapping

import numpy as np

from jaxdl.data.errors import DataError

_NAMED = 3
"""How many columns a message names."""


def check_arrays(
    name: str, split: str, arrays: Mapping[str, np.ndarray], num_classes: int | None
) -> None:
    """Raises a `DataError` naming dataset, split and row unless the arrays can be trained on.

    arrays: as they go to the device, where 64 bits become 32, so after `scaling.apply`:
        `x: [N, ...]` of any real number type, `y: [N, ...]`, an optional `mask: [N]`.
    With `num_classes`, `y` holds integers in `0 .. num_classes − 1`; with None, real numbers.
    Floats are finite, sample weights not negative and not all 0, all arrays equally long and not
    empty. Integers fit into 32 bits, floats into float32, where no column (last axis) becomes
    constant that was not.
    """
    where = f"{name}, split {split}"
    missing = {"x", "y"} - set(arrays)
    if missing:
        raise DataError(f"{where}: no array {' and '.join(sorted(missing))}")
    _check_lengths(where, arrays)
    arrays = {key: np.asarray(array) for key, array in arrays.items()}
    if num_classes is not None:
        _check_labels(where, arrays["y"], num_classes)
    for key, array in arrays.items():
        check_finite(where, key, array)
        _check_width(where, key, array)
    if "mask" in arrays:
        _check_mask(where, arrays["mask"])


def check_finite(where: str, key: str, array: np.ndarray) -> None:
    """Raises a `DataError` naming the first row and the columns of what is no real number.

    where: what the message begins with; key: the name of the `array: [N, ...]`.
    """
    array = np.asarray(array)
    if not array.size:
        raise DataError(f"{where}: {key} has no values")
    if not _is_real(array.dtype):
        raise DataError(f"{where}: {key} has dtype {array.dtype}, real numbers are needed")
    if array.dtype.kind in "biu":
        return
    bad = ~np.isfinite(array)
    row = _first_row(bad)
    if row is not None:
        raise DataError(f"{where}, row {row}: {key} is not finite ({_places(bad)})")


def _is_real(dtype: np.dtype) -> bool:
    # bfloat16 and its like are of no kind that NumPy knows.
    return dtype.kind in "biuf" or (dtype.kind == "V" and np.can_cast(dtype, np.float32))


def _places(bad: np.ndarray) -> str:
    """Where a table `[N, D]` is bad; of other arrays, how often."""
    if bad.ndim != 2:
        return f"{bad.sum()} of {bad.size} values"
    counts = bad.sum(axis=0)
    columns = np.flatnonzero(counts)
    named = [f"column {column}: {counts[column]} of {len(bad)}" for column in columns[:_NAMED]]
    more = len(columns) - _NAMED
    return ", ".join(named) + (f", and {more} columns more" if more > 0 else "")


def _check_lengths(where: str, arrays: Mapping[str, np.ndarray]) -> None:
    lengths = {key: len(array) if np.ndim(array) else 0 for key, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise DataError(f"{where}: arrays of unequal length ({listed})")
    if 0 in lengths.values():
        raise DataError(f"{where}: no examples")


def _check_width(where: str, key: str, array: np.ndarray) -> None:
    if array.dtype.itemsize <= 4 or array.dtype.kind not in "iuf":
        return
    if array.dtype.kind == "f":
        _check_float32(where, key, array)
        return
    narrow = np.int32 if array.dtype.kind == "i" else np.uint32
    limits = np.iinfo(narrow)
    outside = (array < limits.min) | (array > limits.max)
    row = _first_row(outside)
    if row is not None:
        value = array[row][outside[row]].flat[0]
        raise DataError(
            f"{where}, row {row}: {key} is {value}, outside {limits.dtype} of the device: "
            "scale it on the host (scaling.apply)"
        )


def _check_float32(where: str, key: str, array: np.ndarray) -> None:
    outside = abs(array) > np.finfo(np.float32).max
    row = _first_row(outside)
    if row is not None:
        value = array[row][outside[row]].flat[0]
        raise DataError(
            f"{where}, row {row}: {key} is {value:g}, outside float32 of the device: scale it on "
            "the host (scaling.apply)"
        )
    columns = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
    low, high = columns.min(axis=0), columns.max(axis=0)
    lost = np.flatnonzero((low < high) & (low.astype(np.float32) == high.astype(np.float32)))
    if lost.size:
        column = lost[0]
        place = f"{key}, column {column}" if array.ndim > 1 else key
        raise DataError(
            f"{where}: {place} goes from {low[column]!s} to {high[column]!s}, one number in "
            "float32: scale it on the host (scaling.apply)"
        )


def _check_labels(where: str, y: np.ndarray, num_classes: int) -> None:
    if y.dtype.kind in "USO":
        raise DataError(
            f"{where}: y has dtype {y.dtype} ({y.ravel()[:1].tolist()[0]!r:.40}), integer labels "
            "are needed: number the classes, as np.searchsorted(np.unique(train_y), y) does"
        )
    if y.dtype.kind not in "iu":
        raise DataError(f"{where}: y has dtype {y.dtype}, integer labels are needed")
    outside = (y < 0) | (y >= num_classes)
    row = _first_row(outside)
    if row is not None:
        label = y[row][outside[row]].flat[0]
        raise DataError(f"{where}, row {row}: label {label} is outside 0..{num_classes - 1}")


def _check_mask(where: str, mask: np.ndarray) -> None:
    row = _first_row(mask < 0)
    if row is not None:
        raise DataError(f"{where}, row {row}: mask is negative ({mask[row]})")
    if not mask.any():
        raise DataError(f"{where}: mask is 0 on every row, so nothing counts")


def _first_row(bad: np.ndarray) -> int | None:
    rows = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
    return int(rows[0]) if rows.size else None
