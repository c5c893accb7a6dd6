"""Validation on the host: compiled code clamps bad indices and spreads NaN without a word."""

from collections.abc import Mapping

import numpy as np

from jaxdl.data.errors import DataError


def check_arrays(
    name: str, split: str, arrays: Mapping[str, np.ndarray], num_classes: int | None
) -> None:
    """Raises a `DataError` naming dataset, split and row unless the arrays can be trained on.

    arrays: `x: [N, ...]` of any real number type, `y: [N, ...]`, an optional `mask: [N]`.
    With `num_classes`, `y` holds integers in `0 .. num_classes − 1`; with None, real numbers.
    Floats are finite, sample weights not negative, all arrays equally long and not empty.
    """
    where = f"{name}, split {split}"
    missing = {"x", "y"} - set(arrays)
    if missing:
        raise DataError(f"{where}: no array {' and '.join(sorted(missing))}")
    _check_lengths(where, arrays)
    for key, array in arrays.items():
        _check_numbers(where, key, np.asarray(array))
    if num_classes is not None:
        _check_labels(where, np.asarray(arrays["y"]), num_classes)
    if "mask" in arrays:
        mask = np.asarray(arrays["mask"])
        row = _first_row(mask < 0)
        if row is not None:
            raise DataError(f"{where}, row {row}: mask is negative ({mask[row]})")


def _check_lengths(where: str, arrays: Mapping[str, np.ndarray]) -> None:
    lengths = {key: len(array) if np.ndim(array) else 0 for key, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise DataError(f"{where}: arrays of unequal length ({listed})")
    if 0 in lengths.values():
        raise DataError(f"{where}: no examples")


def _check_numbers(where: str, key: str, array: np.ndarray) -> None:
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: {key} has dtype {array.dtype}, real numbers are needed")
    if array.dtype.kind == "f":
        row = _first_row(~np.isfinite(array))
        if row is not None:
            raise DataError(f"{where}, row {row}: {key} is not finite")


def _check_labels(where: str, y: np.ndarray, num_classes: int) -> None:
    if y.dtype.kind not in "iu":
        raise DataError(f"{where}: y has dtype {y.dtype}, integer labels are needed")
    outside = (y < 0) | (y >= num_classes)
    row = _first_row(outside)
    if row is not None:
        label = y[row][outside[row]].flat[0]
        raise DataError(f"{where}, row {row}: label {label} is outside 0..{num_classes - 1}")


def _first_row(bad: np.ndarray) -> int | None:
    rows = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
    return int(rows[0]) if rows.size else None
