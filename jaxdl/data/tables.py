"""Data frames of numbers, categories and gaps as arrays, and answers back as labels.

What is learned of a frame (`fit`) is plain data: names, means, deviations and the categories that
were seen; `to_json` and `from_json` keep it beside a model. A row of `encode` is one of float32,
`[numbers | gaps | categories]`: D numbers, scaled by the frame that was fitted, 0 where there is
none; D times 1 where there was none; C ids of categories, 0 for a gap, 1 for a category that was
not seen, others from 2 on. `models.TableNetwork` takes such rows.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxdl.data.errors import DataError

GAP, UNSEEN, FIRST = 0, 1, 2
"""Ids of a category that is not there, of one not seen in fitting, and of the first that was."""


class Columns(NamedTuple):
    """What is known of a table.

    numbers: names of numeric columns; mean, scale: of each, over the values there are.
    categories: of each column of categories, as text, in their order.
    target: the column to predict, or "" for none; classes: its labels as text, or None where it is
        a number.
    """

    numbers: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    categories: dict[str, tuple[str, ...]]
    target: str = ""
    classes: tuple[str, ...] | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many ids each column of categories has, for `TableNetwork`."""
        return tuple(FIRST + len(known) for known in self.categories.values())


def fit(frame: pd.DataFrame, target: str = "", *, categories: Iterable[str] = ()) -> Columns:
    """The columns of a frame, which is to be the training part alone.

    Columns of numbers are numbers, unless they are among `categories`; all others are categories.
    A target of text, truth values, or among `categories` has classes.
    Raises DataError for a column that is named and not there, a numeric one that is infinite or has
    no value, and a target with gaps or a single class.
    """
    chosen = set(categories)
    for name in {*chosen, *([target] if target else ())} - set(frame.columns):
        raise DataError(f"the table has no column {name!r}; it has {', '.join(map(str, frame))}")
    numbers, known = [], {}
    for name in frame.columns.drop(target) if target else frame.columns:
        if name in chosen or not _numeric(frame[name]):
            known[str(name)] = tuple(sorted(set(_text(frame[name]).dropna())))
        else:
            numbers.append(str(name))
    columns = [_numbers(frame, name) for name in numbers]
    for name, values in zip(numbers, columns, strict=True):
        if np.isnan(values).all():
            raise DataError(f"column {name!r} has no value")
    scale = [float(np.nanstd(values)) or 1.0 for values in columns]
    mean = tuple(float(np.nanmean(values)) for values in columns)
    classes = None
    if target:
        _whole(frame, target)
        if target in chosen or not _numeric(frame[target]):
            classes = tuple(sorted(set(_text(frame[target]))))
            if len(classes) < 2:
                raise DataError(f"target {target!r} has a single class, {classes[0]!r}")
    return Columns(tuple(numbers), mean, tuple(scale), known, target, classes)


def encode(columns: Columns, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """`x`: float32 `[N, 2 D + C]`, and `y` where the frame has the target: int32, or float32 `[N]`.

    Raises DataError, naming column and row, for a column that is missing, text among numbers,
    infinite numbers, and a target with gaps or of a class that was not fitted.
    """
    needed = [*columns.numbers, *columns.categories]
    if missing := [name for name in needed if name not in frame]:
        raise DataError(f"the table lacks the column(s) {', '.join(map(repr, missing))}")
    shape = (len(frame), len(columns.numbers))
    values = np.array([_numbers(frame, name) for name in columns.numbers]).reshape(shape[::-1]).T
    gaps = np.isnan(values)
    scaled = np.where(gaps, 0, (values - columns.mean) / columns.scale)
    ids = [_ids(frame[name], known) for name, known in columns.categories.items()]
    parts = [scaled, gaps, np.array(ids).reshape(len(ids), len(frame)).T]
    found = {"x": np.concatenate(parts, axis=1).astype(np.float32)}
    if columns.target and columns.target in frame:
        found["y"] = _target(columns, frame)
    return found


def labels(columns: Columns, y: np.ndarray) -> np.ndarray:
    """The classes, as text, of ids `[...]`. Raises DataError for a target that is a number."""
    if columns.classes is None:
        raise DataError("the target has no classes")
    return np.array(columns.classes)[y]


def to_json(columns: Columns) -> str:
    """All of it as text."""
    return json.dumps(columns._asdict(), ensure_ascii=False)


def from_json(text: str) -> Columns:
    """What `to_json` wrote."""
    found = json.loads(text)
    return Columns(
        numbers=tuple(found["numbers"]),
        mean=tuple(found["mean"]),
        scale=tuple(found["scale"]),
        categories={name: tuple(each) for name, each in found["categories"].items()},
        target=found["target"],
        classes=None if found["classes"] is None else tuple(found["classes"]),
    )


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _text(column: pd.Series) -> pd.Series:
    """As text, gaps as they are; 2.0 and 2 are one category, since a gap makes floats of whole
    numbers."""
    return column.map(
        lambda value: f"{value:g}" if isinstance(value, float) else str(value), na_action="ignore"
    )


def _ids(column: pd.Series, known: tuple[str, ...]) -> np.ndarray:
    places = pd.Index(known, dtype=object).get_indexer(_text(column).astype(object))
    return np.where(column.isna(), GAP, np.where(places < 0, UNSEEN, places + FIRST))


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    """A column as float64, gaps as NaN."""
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if (strange := np.isnan(values) & frame[name].notna().to_numpy()).any():
        row = int(np.flatnonzero(strange)[0])
        raise DataError(f"column {name!r}, row {row}: {frame[name].iloc[row]!r} is no number")
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(f"column {name!r}, row {row}: {values[row]} is not finite")
    return values


def _whole(frame: pd.DataFrame, target: str) -> None:
    gaps = np.flatnonzero(frame[target].isna())
    if len(gaps):
        raise DataError(f"target {target!r}, row {gaps[0]}: there is no value")


def _target(columns: Columns, frame: pd.DataFrame) -> np.ndarray:
    _whole(frame, columns.target)
    if columns.classes is None:
        return _numbers(frame, columns.target).astype(np.float32)
    ids = _ids(frame[columns.target], columns.classes)
    if (ids == UNSEEN).any():
        row = int(np.flatnonzero(ids == UNSEEN)[0])
        raise DataError(
            f"target {columns.target!r}, row {row}: {frame[columns.target].iloc[row]!r} is none of "
            f"{', '.join(columns.classes)}"
        )
    return (ids - FIRST).astype(np.int32)
