"""The columns of a data frame, and what stands in them: numbers, text, gaps."""

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api import types

from jaxdl._text import meant
from jaxdl.data.errors import DataError

GAP, UNSEEN, FIRST = 0, 1, 2
"""Ids of a category that is not there, of one not seen in fitting, and of the first that was."""


def read_csv(path: str | Path, *, blank_lines: bool = False) -> pd.DataFrame:
    """A file of comma-separated values with a header; empty cells (and NA, nan, null) are gaps.

    blank_lines: whether they are rows of gaps, or nothing.
    Raises DataError, in one line, where there is no such file or table, where a column is named
    twice, and where rows have more cells than the header; a comma at their ends is no cell.
    """
    options = {"skip_blank_lines": not blank_lines, "low_memory": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # By itself pandas takes the first cells of longer rows for names of rows.
            frame = pd.read_csv(path, index_col=False, **options)
        names = {"header": None, "nrows": 1, "dtype": str, "keep_default_na": False}
        header = pd.read_csv(path, na_values=[""], **names).iloc[0].dropna()
    except pd.errors.ParserWarning:
        raise DataError(f"{path}: rows have more cells than the header has names") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # of bytes that are no text, and of pandas' own kinds
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is no table of comma-separated values: {reason}") from None
    if header.duplicated().any():
        raise DataError(f"{path} has two columns {header[header.duplicated()].iloc[0]!r}")
    return frame


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with names of columns that are text, each once. DataError for one that is twice."""
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"the table has two columns {twice!r}")
    return frame


def require(frame: pd.DataFrame, names: Iterable[str], where: str | Path = "the table") -> None:
    """Raises DataError, with a guess at what was meant, for a column that is not there."""
    there = [str(name) for name in frame.columns]
    for name in names:
        if name not in there:
            hint = meant(name, there)
            raise DataError(f"{where} has no column {name!r}, only {', '.join(there)}{hint}")


def is_numeric(column: pd.Series) -> bool:
    """Whether a column is of numbers; truth values are none.

    Raises DataError naming the column for dates, complex numbers, lists, and text most of which is
    numbers: one that is misspelt would make categories of all of them.
    """
    where = f"column {column.name!r}"
    if types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column):
        raise DataError(f"{where} holds dates: make numbers of them, or leave it out")
    if types.is_complex_dtype(column):
        raise DataError(f"{where} holds complex numbers: make real ones of them, or leave it out")
    if types.is_bool_dtype(column):
        return False
    if types.is_numeric_dtype(column):
        return True
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    there = column.dropna()
    nested = there.map(lambda value: not np.isscalar(value) and not hasattr(value, "__float__"))
    if nested.any():
        row, kind = _place(column, nested), type(there[nested].iloc[0]).__name__
        raise DataError(f"{where}, row {row}: a {kind}, where a number or a text is needed")
    if not len(there) or there.map(lambda value: isinstance(value, bool | np.bool_)).all():
        return False
    is_text = there.map(lambda value: isinstance(value, str))
    if not is_text.any():
        return True
    numbers = pd.to_numeric(there, errors="coerce").notna()
    if not numbers.all() and numbers.mean() > 0.5:
        row = _place(column, ~numbers)
        raise DataError(
            f"{where}, row {row}: {there[~numbers].iloc[0]!r} is no number, as {numbers.sum()} of "
            f"{len(there)} values are ({(~numbers).sum()} are not): correct it, or name the column "
            "in `categories`"
        )
    return False


def text(column: pd.Series) -> pd.Series:
    """As text, gaps as they are; 2.0 and 2 are one category, since a gap makes floats of whole
    numbers."""
    return column.astype(object).map(
        lambda value: str(int(value) if isinstance(value, float) and value.is_integer() else value),
        na_action="ignore",
    )


def ids(column: pd.Series, known: tuple[str, ...]) -> np.ndarray:
    """`GAP`, `UNSEEN`, or `FIRST` and the place among the known."""
    places = pd.Index(known, dtype=object).get_indexer(text(column).astype(object))
    return np.where(column.isna(), GAP, np.where(places < 0, UNSEEN, places + FIRST))


def numbers(column: pd.Series) -> np.ndarray:
    """A column as float64, gaps as NaN.

    Raises DataError naming column, row and count for text that is no number, and for infinities.
    """
    if types.is_complex_dtype(column):
        raise DataError(f"column {column.name!r} holds complex numbers: make real ones of them")
    try:
        found = pd.to_numeric(column.astype(object), errors="coerce").to_numpy(
            np.float64, na_value=np.nan
        )
    except OverflowError:
        raise DataError(f"column {column.name!r}: a whole number is beyond float64") from None
    check(column, np.isnan(found) & column.notna().to_numpy(), "is no number")
    check(column, np.isinf(found), "is not finite")
    return found


def check(column: pd.Series, bad: np.ndarray, fault: str, what: str = "column") -> None:
    """Raises DataError naming column, first row and count where any of `bad` `[N]` is true."""
    if (rows := np.flatnonzero(bad)).size:
        raise DataError(told(column, rows, fault, what))


def told(column: pd.Series, rows: np.ndarray, fault: str, what: str = "column") -> str:
    """What is wrong with a value of some rows, in one line."""
    value = column.iloc[rows[0]]
    shown = f"{value:g}" if isinstance(value, float) else repr(value)
    return f"{what} {column.name!r}, row {rows[0]}: {shown} {fault} ({_counted(rows, column)})"


def check_whole(column: pd.Series, what: str) -> None:
    """Raises DataError where there is a gap."""
    if (rows := np.flatnonzero(column.isna())).size:
        raise DataError(
            f"{what} {column.name!r}, row {rows[0]}: there is no value ({_counted(rows, column)})"
        )


def _counted(rows: np.ndarray, column: pd.Series) -> str:
    return f"{rows.size} of {len(column)} rows"


def _place(column: pd.Series, bad: pd.Series) -> int:
    """The number of the first row among those that have a value that is bad."""
    return int(np.flatnonzero(column.notna())[np.flatnonzero(bad)[0]])
