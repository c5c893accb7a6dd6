"""Options of the wrong kind, told in one line before anything looks into them."""

import os
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from typing import Any

from jaxdl.data.errors import DataError

LONGEST = 40


def shown(value: object) -> str:
    """A value in one line; of a long one its type."""
    text = repr(value)
    return text if len(text) <= LONGEST and "\n" not in text else f"a {type(value).__name__}"


def check_texts(options: Mapping[str, Any]) -> None:
    """Raises DataError for one that is no text."""
    for name, value in options.items():
        if not isinstance(value, str):
            raise DataError(f"{name}: give a text, not {shown(value)}")


def check_columns(name: str, columns: Any) -> None:
    """Raises DataError for what is no collection of names of columns."""
    single = isinstance(columns, str | bytes) or getattr(columns, "shape", None) == ()
    if single or not isinstance(columns, Collection):
        raise DataError(f"{name}: give names of columns in a list, not {shown(columns)}")
    for column in columns:
        if not isinstance(column, str):
            raise DataError(f"{name}: give the name of a column as text, not {shown(column)}")


def check_target(target: Any) -> None:
    """Raises DataError for what is neither a name nor names."""
    if not isinstance(target, str):
        check_columns("target", target if isinstance(target, Collection) else [target])


def check_split(validation: Any, test: Any, seed: Any) -> None:
    """Raises DataError for shares that leave no rows to train, and for a seed that is none."""
    for name, share in {"validation": validation, "test": test}.items():
        if not isinstance(share, Real):
            raise DataError(f"{name} is a share of the rows, a number, not {shown(share)}")
    if not 0 < validation < 1 or not 0 < test < 1 or validation + test >= 1:
        shares = f"{validation:g} and {test:g}"
        raise DataError(f"{shares} for validation and test are no shares that leave rows to train")
    if not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise DataError(f"seed is a whole number from 0 to 2**32 - 1, not {shown(seed)}")


def check_folder(name: str, folder: Any) -> None:
    """Raises DataError for what is neither a path nor None."""
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise DataError(f"{name}: give a path, not {shown(folder)}")
