"""A dataset as a run takes it: scaled, the training split whole, the others in padded batches."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from jaxdl.data._options import check_split
from jaxdl.data.batches import padded_batches
from jaxdl.data.catalog import Dataset
from jaxdl.data.check import check_arrays, check_finite
from jaxdl.data.errors import DataError
from jaxdl.data.scaling import Scaling, apply
from jaxdl.types import Batch

EVALUATION_BATCH = 2048
PARTS = ("train", "validation", "test")


def rows(
    count: int,
    *,
    validation: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
    strata: Any = None,
    groups: Any = None,
    times: Any = None,
) -> dict[str, np.ndarray]:
    """Indices of the rows of `train`, `validation` and `test`, each row in one of them.

    validation, test: shares of the rows; of the groups, where they are split by these.
    strata `[count]`: each part has the same shares of them. groups `[count]`: none is in two parts.
    times `[count]`: no row is older than one of an earlier part, the oldest train; text has to be
    of numbers, or dates as 2026-11-30. One of these at most; without any the rows are drawn.
    Raises DataError where a part would have no row, a stratum is in too few for its parts, or a
    time is missing or none.
    """
    check_split(validation, test, seed)
    by = {"strata": strata, "groups": groups, "times": times}
    given = {name: values for name, values in by.items() if values is not None}
    if len(given) > 1:
        raise DataError(f"rows are split by {' or by '.join(given)}, not by both")
    what = "rows" if groups is None else "groups"
    _, group = np.unique(np.arange(count) if groups is None else groups, return_inverse=True)
    total = int(group.max(initial=-1)) + 1
    # Shares add up to a hair less or more than they should: 1 - 0.2 - 0.2 is 0.6000000000000001.
    first = int((1 - validation - test) * total + 1e-9)
    second = int(validation / (validation + test) * (total - first) + 1e-9)
    if not first or not second or first + second >= total:
        raise DataError(
            f"{total} {what} are too few: {first} would be for training, {second} for validation, "
            f"{total - first - second} for test"
        )
    if times is not None:
        parts = np.split(_by_time(times), [first, first + second])
    else:
        train, rest = _divided(np.arange(total), first, seed, strata)
        parts = [train, *_divided(rest, second, seed, strata)]
    if groups is not None:
        parts = [np.flatnonzero(np.isin(group, part)) for part in parts]
    return dict(zip(PARTS, parts, strict=True))


def _divided(rows: np.ndarray, size: int, seed: int, strata: Any) -> list[np.ndarray]:
    from sklearn.model_selection import train_test_split

    own: Any = None if strata is None else np.asarray(strata)[rows]
    try:
        return train_test_split(rows, train_size=size, stratify=own, random_state=seed)
    except ValueError:
        names, counts = np.unique(own, return_counts=True)
        least = counts.argmin()
        raise DataError(
            f"{len(rows)} rows are too few to give {len(names)} strata to each part in equal "
            f"shares; {names[least]!s} has {counts[least]}"
        ) from None


def _by_time(times: Any) -> np.ndarray:
    values = pd.Series(times)
    if missing := np.flatnonzero(values.isna()).tolist():
        raise DataError(f"row {missing[0]} has no time ({len(missing)} of {len(values)} rows)")
    if types.is_object_dtype(values) or types.is_string_dtype(values):
        values = _ordered(values)
    return np.argsort(values.to_numpy(), kind="stable")


def _ordered(values: pd.Series) -> pd.Series:
    """Times that are objects as numbers or dates: as text, "10" would be before "9"."""
    if not values.map(lambda value: isinstance(value, str)).all():
        try:
            return values.rank(method="dense")
        except TypeError:
            raise DataError("times of several kinds have no order") from None
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all():
        return numbers
    dates = pd.to_datetime(values, format="ISO8601", utc=True, errors="coerce")
    if bad := np.flatnonzero(dates.isna()).tolist():
        raise DataError(
            f"row {bad[0]}: the time {values.iloc[bad[0]]!r} is neither a number nor a date as "
            f"2026-11-30 ({len(bad)} of {len(values)} rows): make dates of them"
        )
    return dates


def for_run(
    dataset: Dataset,
    fit: Callable[[np.ndarray], Scaling],
    evaluation_batch: int = EVALUATION_BATCH,
) -> tuple[dict[str, Any], Scaling]:
    """`{"train": [N, ...], "validation", "test": [num_batches, B, ...]}` and the scaling used.

    fit: one of `scaling.SCALINGS`; it sees the training split only.
    Raises DataError as `check_arrays` does for what is scaled.
    """
    shape = dataset.train["x"].shape[1:]

    def checked(split: str) -> dict[str, np.ndarray]:
        arrays = getattr(dataset, split)
        where, found = f"{dataset.name}, split {split}", arrays["x"].shape[1:]
        check_finite(where, "x", arrays["x"])
        if found != shape:
            raise DataError(f"{where}: examples have shape {found}, those of train {shape}")
        return arrays

    scaling = fit(checked("train")["x"])

    def scaled(split: str) -> dict[str, np.ndarray]:
        arrays = checked(split)
        arrays = {**arrays, "x": apply(scaling, arrays["x"])}
        check_arrays(dataset.name, split, arrays, dataset.num_classes)
        return arrays

    parts = {split: scaled(split) for split in ("train", "validation", "test")}
    return in_batches(parts, evaluation_batch), scaling


def in_batches(
    parts: Mapping[str, Batch], evaluation_batch: int = EVALUATION_BATCH
) -> dict[str, Any]:
    """Parts of arrays as a run takes them: `train` as it is, the others in padded batches.

    evaluation_batch: examples of a batch; of a smaller part there are no more than it has.
    """
    return {
        name: arrays
        if name == "train"
        else padded_batches(arrays, min(evaluation_batch, len(next(iter(arrays.values())))))
        for name, arrays in parts.items()
    }
