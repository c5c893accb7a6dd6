"""Your data in one call: a table, arrays or a name as a sweep takes them, and how to go on so."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxdl.data import _options as options
from jaxdl.data import catalog, cells, scaling, splits, tables, targets
from jaxdl.data.check import check_arrays, check_finite
from jaxdl.data.errors import DataError, warn
from jaxdl.data.preparation import Arrays, Preparation
from jaxdl.data.sources import tabular
from jaxdl.types import Batch

NAMES = (*catalog.DATASETS, *tabular.NAMES)
"""Data sets that `read` knows by name."""
_SHARES = {"validation": 0.15, "test": 0.15, "seed": 0}
_SHOWN = 3
"""How many columns a warning names."""


def read(
    source: Any,
    target: str | Sequence[str] = "",
    *,
    target_is: targets.Kind = "",
    categories: Collection[str] = (),
    scaled: str = "",
    stratify: str = "",
    groups: str = "",
    time: str = "",
    validation: float | None = None,
    test: float | None = None,
    seed: int | None = None,
    data_dir: str | os.PathLike | None = None,
) -> tuple[dict[str, Any], Preparation]:
    """Data as a sweep takes them, `{"train": [N, ...], "validation", "test": [batches, B, ...]}`,
    and the preparation that made them, for raw rows to come.

    source: a data frame; whatever has `to_pandas()` (a table of Hugging Face's datasets, of Arrow,
        of Polars); a file of comma-separated values with a header; arrays
        `{"x": [N, ...], "y": [N] or [N, K]}`; or one of `NAMES`, which have their own parts.
    target: the column to predict, or several of numbers; of tables only.
    target_is: `classes` or `numbers`. By default text and truth values are classes, real numbers
        numbers; whole numbers are classes in arrays, numbers in tables, and asked for there if few
        are different.
    categories: columns of numbers that are names (of zones, say); text is it anyway.
    scaled: of arrays, a key of `scaling.SCALINGS`; by default `max` for images (and other arrays of
        bytes or of more than two axes), `per_column` for others. Columns of tables are always
        standardized, and so are targets that are numbers.
    stratify, groups, time: the column, or name of an array `[N]` in a mapping, whose shares are the
        same in each part; of which no value is in two parts; by which the oldest rows are trained
        on and the newest tested on. One of these at most; by default rows are drawn. A column of
        groups or times is not read as an input.
    validation, test: shares of the rows, 0.15 by default. seed: of the draw, 0 by default.
    data_dir: where the named data sets lie, see `catalog.load`.

    An option that this source has no use for is refused, too.

    What is learned of the data, is learned of the training part. Warns of columns that are
    constant there, of row numbers, and of categories that are hardly seen twice. Raises
    DataError, in one line with column, row (of the source) and count, as `tables.fit`,
    `tables.encode`, `splits.rows`, `targets.fit` and `check_arrays` do, and for a class that the
    training part lacks.
    """
    by = {"stratify": stratify, "groups": groups, "time": time}
    options.check_target(target)
    options.check_columns("categories", categories)
    options.check_texts({"target_is": target_is, "scaled": scaled, **by})
    drawn = {"validation": validation, "test": test, "seed": seed}
    asked = {name: value for name, value in drawn.items() if value is not None}
    shares = _SHARES | asked
    options.check_split(**shares)
    options.check_folder("data_dir", data_dir)
    given = {"target": target, **by}
    if isinstance(source, str) and source in NAMES:
        named = {**given, "categories": categories}
        if used := [*(name for name, value in named.items() if len(value)), *asked]:
            raise DataError(f"{source} has its own target and parts: no {used[0]} for it")
        return _named(source, target_is, scaled, data_dir)
    if data_dir is not None:
        raise DataError("data_dir: only data sets with a name lie in a folder")
    if isinstance(source, Mapping):
        if len(categories):
            raise DataError("categories are columns of a table; arrays have numbers")
        return _arrays(source, given, shares, target_is, scaled)
    if scaled:
        raise DataError(f"scaled={scaled!r} is of arrays; columns of a table are standardized")
    frame = cells.named(_frame(source))
    names = _names(target, {"groups": groups, "time": time})
    cells.require(frame, [*names, *categories, *filter(None, (stratify, groups, time))])
    rows = _rows(frame, given, shares)
    frame = frame.drop(columns=[name for name in (groups, time) if name])
    # Before the training part is taken, in which rows have other numbers.
    _check_cells(frame, names, target_is, categories)
    train = frame.iloc[rows["train"]]
    columns = tables.fit(train, names, target_is=target_is, categories=categories)
    assert columns.target is not None
    _check_classes(columns.target, frame, rows["train"])
    whole = tables.encode(columns, frame)
    _warn_of(tables.constant(columns, whole["x"][rows["train"]]))
    for name in tables.numbered(columns, frame):
        warn(
            f"column {name!r}: another whole number on each row, from {frame[name].min()} to "
            f"{frame[name].max()}, as numbers of rows are: leave it out, unless it is measured"
        )
    for name in tables.scattered(columns, len(train)):
        warn(
            f"column {name!r}: {len(columns.categories[name])} categories on {len(train)} training "
            "rows, so little can be learned of it: leave it out, or make numbers or fewer groups "
            "of it"
        )
    parts = {part: {name: one[own] for name, one in whole.items()} for part, own in rows.items()}
    return _checked("the table", parts, Preparation(columns, columns.target))


def _names(target: str | Sequence[str], without: Mapping[str, str]) -> list[str]:
    """The columns of a target, which is none of those that are dropped."""
    names = [target] if isinstance(target, str) else list(target)
    if names in ([], [""]):
        raise DataError("target: which column of the table is to be predicted?")
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"target: {name!r} is named twice")
        for option in (option for option, column in without.items() if column == name):
            raise DataError(f"{option}={name!r} is the target: rows are split by another column")
    return names


def _check_cells(
    frame: pd.DataFrame, target: Sequence[str], kind: targets.Kind, categories: Collection[str]
) -> None:
    """Raises DataError for what no part of the table may hold."""
    for name in frame:
        if name in target:
            cells.check_whole(frame[name], "target")
        elif name in categories:
            continue
        if kind == "" or name not in target:
            numeric = cells.is_numeric(frame[name])
        else:
            numeric = kind == "numbers"
        if numeric:
            cells.numbers(frame[name])


def _frame(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, str | os.PathLike):
        if isinstance(source, str) and not Path(source).exists() and not Path(source).suffix:
            raise DataError(f"{source!r} is no file, and none of {', '.join(NAMES)}")
        return cells.read_csv(Path(source))
    if hasattr(source, "to_pandas"):
        return source.to_pandas()
    raise DataError(
        f"a {type(source).__name__} is no source: a data frame is, what has to_pandas(), a file of "
        'comma-separated values, arrays {"x": ..., "y": ...}, or a name'
    )


def _rows(
    frame: pd.DataFrame, given: Mapping[str, Any], shares: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The rows of each part; what a row is split by has to be there."""
    by = {"strata": given["stratify"], "groups": given["groups"], "times": given["time"]}
    columns = {name: frame[column] for name, column in by.items() if column}
    for column in columns.values():
        cells.check_whole(column, "column")
    values = {
        name: column.to_numpy() if name == "times" else cells.text(column).to_numpy(str)
        for name, column in columns.items()
    }
    return splits.rows(len(frame), **shares, **values)


def _arrays(
    source: Mapping[str, Any],
    given: Mapping[str, Any],
    shares: Mapping[str, Any],
    target_is: targets.Kind,
    scaled: str,
) -> tuple[dict[str, Any], Preparation]:
    if missing := {"x", "y"} - set(source):
        raise DataError(f"the arrays lack {' and '.join(sorted(missing))}")
    if len(given["target"]):
        raise DataError(f"target={given['target']!r}: of arrays, y is the target")
    arrays = {name: _array(name, array) for name, array in source.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"arrays of unequal length ({listed})")
    check_finite("the arrays", "x", arrays["x"])
    named = {given[name] for name in ("stratify", "groups", "time")} - {""}
    cells.require(pd.DataFrame(columns=list(arrays)), sorted(named), "the mapping")
    for name in sorted(named):
        if arrays[name].ndim != 1:
            raise DataError(f"rows are split by an array [N]; {name} is {arrays[name].shape}")
    beside = pd.DataFrame({name: arrays[name] for name in named})
    if unknown := set(arrays) - named - {"x", "y", "mask"}:
        raise DataError(f"what are the arrays {', '.join(sorted(unknown))}? x, y and mask are read")
    rows = _rows(beside if named else pd.DataFrame(index=range(lengths["x"])), given, shares)
    kept = {name: array for name, array in arrays.items() if name in ("x", "y", "mask")}
    parts = {part: {name: one[own] for name, one in kept.items()} for part, own in rows.items()}
    return _scaled("the arrays", parts, target_is, scaled, arrays["y"])


def _array(name: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(f"{name}: rows of unequal shape are no array") from None
    if not array.ndim:
        raise DataError(f"{name} is a single value, where an array has a row for each example")
    return array


def _named(
    name: str, target_is: targets.Kind, scaled: str, data_dir: str | os.PathLike | None
) -> tuple[dict[str, Any], Preparation]:
    found: Any = tabular.load(name) if name in tabular.NAMES else catalog.load(name, data_dir)
    parts = {part: getattr(found, part) for part in splits.PARTS}
    everything = np.arange(found.num_classes) if found.num_classes else found.train["y"]
    own: targets.Kind = "classes" if found.num_classes else "numbers"
    return _scaled(name, parts, target_is or own, scaled, everything)


def _scaled(
    where: str,
    parts: Mapping[str, dict[str, np.ndarray]],
    target_is: targets.Kind,
    scaled: str,
    labels: np.ndarray,
) -> tuple[dict[str, Any], Preparation]:
    """Parts of raw arrays, their inputs and targets scaled by the first. labels: all there are."""
    x = parts["train"]["x"]
    images = x.dtype == np.uint8 or x.ndim > 2
    name = scaled or ("max" if images else "per_column")
    if name not in scaling.SCALINGS:
        raise DataError(f"scaled: {name!r} is none of {', '.join(scaling.SCALINGS)}")
    if not images:
        rows = x.reshape(len(x), -1)
        _warn_of([str(column) for column in np.flatnonzero(rows.min(axis=0) == rows.max(axis=0))])
    inputs = Arrays(x.shape[1:], scaling.SCALINGS[name](x))
    kind = target_is or ("numbers" if np.asarray(labels).dtype.kind == "f" else "classes")
    whole = _answers(labels)
    for column in whole:
        cells.check_whole(whole[column], "target")
        if kind == "numbers":
            cells.numbers(whole[column])
    of = whole if kind == "classes" else _answers(parts["train"]["y"])
    target = targets.fit(of, list(of.columns), kind)
    every = pd.concat([_answers(arrays["y"]) for arrays in parts.values()], ignore_index=True)
    _check_classes(target, every, np.arange(len(x)))
    made = {}
    for part, arrays in parts.items():
        made[part] = {
            **arrays,
            "x": scaling.apply(inputs.scaling, arrays["x"]),
            "y": targets.encode(target, _answers(arrays["y"])),
        }
    return _checked(where, made, Preparation(inputs, target))


def _answers(y: np.ndarray) -> pd.DataFrame:
    """Targets `[N]` or `[N, K]` as columns."""
    y = np.asarray(y)
    if y.ndim not in (1, 2):
        raise DataError(f"y has shape {y.shape}; targets are [N] or [N, K]")
    names = ["y"] if y.ndim == 1 or y.shape[1] == 1 else [f"y {n}" for n in range(y.shape[1])]
    return pd.DataFrame(y.reshape(len(y), -1), columns=names)


def _check_classes(target: targets.Target, frame: pd.DataFrame, train: np.ndarray) -> None:
    """Raises DataError for a class that no training row has."""
    if target.classes is None:
        return
    answers = cells.text(frame[target.names[0]])
    there = set(answers.iloc[train].dropna())
    every = set(answers.dropna()) | set(target.classes)
    for label in sorted(every - there):
        raise DataError(
            f"target {target.names[0]!r}: no training row is of the class {label!r} "
            f"({(answers == label).sum()} of {len(answers)} rows are): stratify by it"
        )


def _checked(
    where: str, parts: Mapping[str, Batch], preparation: Preparation
) -> tuple[dict[str, Any], Preparation]:
    num_classes = preparation.outputs if preparation.target.classes else None
    for part, arrays in parts.items():
        check_arrays(where, part, arrays, num_classes)
    return splits.in_batches(parts), preparation


def _warn_of(constant: Sequence[str]) -> None:
    if constant:
        more = len(constant) - _SHOWN
        named = ", ".join(map(repr, constant[:_SHOWN])) + (f" and {more} more" if more > 0 else "")
        warn(f"column {named}: the same on all training rows, so nothing can be learned of it")
