"""Data frames of numbers, categories and gaps as arrays, and answers back as labels.

What is learned of a frame (`fit`) is plain data: names, means, deviations and the categories that
were seen. A row of `encode` is one of float32, `[numbers | gaps | categories]`: D numbers, scaled
by the frame that was fitted, 0 where there is none; 1 where there was none, for each column that
had gaps; C ids of categories, 0 for a gap, 1 for a category that was not seen, others from 2 on.
`models.TableNetwork` takes such rows.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from jaxdl.data import cells, scaling, targets
from jaxdl.data.cells import FIRST, UNSEEN
from jaxdl.data.errors import DataError
from jaxdl.data.targets import Target


class Columns(NamedTuple):
    """What is known of a table.

    numbers: names of numeric columns; mean, scale: of each, over the values there are.
    gaps: those of them that had gaps.
    categories: of each column of categories, as text, in their order.
    target: what is to be predicted, or None.
    """

    numbers: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    gaps: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    target: Target | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many ids each column of categories has, for `TableNetwork`."""
        return tuple(FIRST + len(known) for known in self.categories.values())

    @property
    def width(self) -> int:
        """How many numbers a row of `encode` has."""
        return len(self.numbers) + len(self.gaps) + len(self.categories)


def fit(
    frame: pd.DataFrame,
    target: str | Sequence[str] = "",
    *,
    target_is: targets.Kind = "",
    categories: Collection[str] = (),
) -> Columns:
    """The columns of a frame, which is to be the training part alone.

    Columns of numbers are numbers, unless they are among `categories`; all others are categories.
    target: a column of classes or numbers, or several of numbers; target_is: see `targets.fit`.
    Raises DataError for a column that is named and not there, one of dates or lists, text among
    numbers, a numeric one that is infinite or has no value, and for a target as `targets.fit` does.
    """
    frame = cells.named(frame)
    answers = [target] if isinstance(target, str) and target else list(target)
    cells.require(frame, [*answers, *categories])
    inputs = frame.drop(columns=answers)
    known: dict[str, tuple[str, ...]] = {}
    numbers: dict[str, np.ndarray] = {}
    for name in inputs:
        if name in categories or not cells.is_numeric(inputs[name]):
            known[name] = tuple(sorted(set(cells.text(inputs[name]).dropna())))
        else:
            numbers[name] = cells.numbers(inputs[name])
    if not inputs.shape[1]:
        raise DataError(f"the table has no column but the target {', '.join(map(repr, answers))}")
    there = {name: values[~np.isnan(values)] for name, values in numbers.items()}
    for name, values in there.items():
        if not len(values):
            raise DataError(f"column {name!r} has no value")
    found = [scaling.fit_whole(values) for values in there.values()]
    return Columns(
        tuple(numbers),
        tuple(float(each.mean) for each in found),
        tuple(float(each.scale) for each in found),
        tuple(name for name in numbers if len(there[name]) < len(frame)),
        known,
        targets.fit(frame, answers, target_is) if answers else None,
    )


def encode(columns: Columns, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """`x`: float32 `[N, D + gaps + C]`, and `y` (see `targets.encode`) if the frame has the target.

    Raises DataError, naming column, row and count, for a column that is missing, text among
    numbers, infinite numbers, those beyond float32 when they are scaled, no rows, and a target with
    gaps or of a class that was not fitted.
    """
    frame = cells.named(frame)
    if not len(frame):
        raise DataError("the table has no rows")
    needed = [*columns.numbers, *columns.categories]
    if missing := [name for name in needed if name not in frame]:
        raise DataError(f"the table lacks the column(s) {', '.join(map(repr, missing))}")
    values = {name: cells.numbers(frame[name]) for name in columns.numbers}
    parts = [
        np.where(np.isnan(one), 0, (one - mean) / scale)
        for one, mean, scale in zip(values.values(), columns.mean, columns.scale, strict=True)
    ]
    for name, one in zip(columns.numbers, parts, strict=True):
        beyond = abs(one) > np.finfo(np.float32).max
        cells.check(frame[name], beyond, "is beyond float32 when it is scaled")
    parts += [np.isnan(values[name]) for name in columns.gaps]
    parts += [cells.ids(frame[name], known) for name, known in columns.categories.items()]
    found = {"x": np.stack(parts, axis=1).astype(np.float32)}
    if columns.target is not None and set(columns.target.names) <= set(frame.columns):
        found["y"] = targets.encode(columns.target, frame)
    return found


def constant(columns: Columns, x: np.ndarray) -> list[str]:
    """The columns that are the same on all rows of `x`, as `encode` made it of the fitted frame."""
    names = [*columns.numbers, *(f"{name} (gaps)" for name in columns.gaps), *columns.categories]
    same = x.min(axis=0) == x.max(axis=0)
    return [name for name, one in zip(names, same, strict=True) if one]


def scattered(columns: Columns, rows: int) -> list[str]:
    """The columns that have more than one category for two of the rows that were fitted."""
    return [name for name, known in columns.categories.items() if 2 * len(known) > rows]


def numbered(columns: Columns, frame: pd.DataFrame) -> list[str]:
    """The columns of whole numbers, another on each row and nearly consecutive, in any order.

    Numbers of rows and of customers are; measured ones that are never twice lie far apart.
    """
    return [
        name
        for name in columns.numbers
        if types.is_integer_dtype(frame[name])
        and frame[name].is_unique
        and int(frame[name].max()) - int(frame[name].min()) < 1.5 * len(frame)
    ]


def strange(columns: Columns, frame: pd.DataFrame) -> list[str]:
    """What a frame holds that the fitted one did not, a line for each column: its row and count.

    A category that is not known, and a gap in a column of numbers that had none (it counts as the
    mean). Both can be predicted from, but nothing was learned of them.
    """
    frame, lines = cells.named(frame), []
    for name, known in columns.categories.items():
        rows = np.flatnonzero(cells.ids(frame[name], known) == UNSEEN)
        if rows.size:
            lines.append(cells.told(frame[name], rows, "was not seen in training"))
    for name in columns.numbers:
        if name in columns.gaps:
            continue
        rows = np.flatnonzero(frame[name].isna())
        if rows.size:
            fault = "is a gap, in training there was none: the mean stands for it"
            lines.append(cells.told(frame[name], rows, fault))
    return lines
