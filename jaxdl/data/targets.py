"""What is predicted: classes as ids, numbers near 0, and outputs of a model as answers again."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from jaxdl.data import cells, scaling
from jaxdl.data.errors import DataError

Kind = Literal["", "classes", "numbers"]
FEW = 20
"""Up to so many different whole numbers may as well be classes: they are asked for."""
_KINDS: dict[str, Any] = {
    "bool": bool | np.bool_,
    "int": int | np.integer,
    "float": float | np.floating,
    "str": str,
}
"""What labels are."""
_BACK: dict[str, Any] = {"bool": "True".__eq__, "int": int, "float": float, "str": str}
"""From text to what they were."""


class Target(NamedTuple):
    """One column of classes, or K of numbers.

    names: of the columns.
    classes: the labels as text, or None for numbers; of: what they were: bool, int, float or str.
    mean, scale: of each column of numbers over the rows that it was fitted to.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    of: str = "str"
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @property
    def outputs(self) -> int:
        """How many outputs a model has: a logit for each class, or a number for each column."""
        return len(self.names if self.classes is None else self.classes)


def fit(frame: pd.DataFrame, names: Sequence[str], kind: Kind = "") -> Target:
    """The target of a frame, which is to be the training part alone.

    kind: `classes` or `numbers`; "": text and truth values are classes, real numbers numbers, and
        whole numbers too if more than `FEW` of them are different.
    Raises DataError for another kind, gaps, a single class, equal numbers, several columns of
    classes, and few whole numbers of which it is not said what they are.
    """
    if kind not in get_args(Kind):
        raise DataError(f"target_is: {kind!r} is neither 'classes' nor 'numbers'")
    for name in names:
        cells.check_whole(frame[name], "target")
    if len(names) == 1 and _is_class(frame[names[0]], kind):
        return _classes(frame[names[0]])
    found = []
    for name in names:
        if kind != "numbers" and not cells.is_numeric(frame[name]):
            raise DataError(f"target {name!r} is text: of several targets all have to be numbers")
        values = cells.numbers(frame[name])
        if values.min() == values.max():
            raise DataError(f"target {name!r} is {values[0]:g} on all {len(values)} rows")
        found.append(scaling.fit_whole(values))
    return Target(
        tuple(names),
        mean=tuple(float(each.mean) for each in found),
        scale=tuple(float(each.scale) for each in found),
    )


def encode(target: Target, frame: pd.DataFrame) -> np.ndarray:
    """Ids of classes, int32 `[N]`; numbers less their mean, over their scale, float32 `[N, K]`.

    Raises DataError, naming column, row and count, for gaps, for what is no number, and for a class
    that was not fitted.
    """
    for name in target.names:
        cells.check_whole(frame[name], "target")
    if target.classes is None:
        values = np.stack([cells.numbers(frame[name]) for name in target.names], axis=1)
        return scaling.apply(scaling.Scaling(np.array(target.mean), np.array(target.scale)), values)
    (name,) = target.names
    found = cells.ids(frame[name], target.classes)
    known = ", ".join(target.classes)
    cells.check(frame[name], found == cells.UNSEEN, f"is none of {known}", "target")
    return (found - cells.FIRST).astype(np.int32)


def labels(target: Target, outputs: np.ndarray) -> np.ndarray:
    """Answers in the words of the data: of logits `[..., K]` the likeliest classes `[...]`, of
    numbers `[..., K]` those in their own units, `[...]` if K is 1.

    Raises DataError for outputs of another width, and for logits that are nan.
    """
    outputs = np.asarray(outputs)
    if outputs.shape[-1:] != (target.outputs,):
        raise DataError(f"outputs have shape {outputs.shape}, not [..., {target.outputs}]")
    if target.classes is not None:
        if (rows := np.argwhere(np.isnan(outputs).any(axis=-1))).size:
            row = ", ".join(map(str, rows[0]))
            raise DataError(f"outputs, row {row or 0}: nan, so no class is the likeliest")
        back = _BACK[target.of]
        return np.array([back(label) for label in target.classes])[outputs.argmax(axis=-1)]
    found = outputs.astype(np.float64) * target.scale + target.mean
    return found[..., 0] if target.outputs == 1 else found


def _is_class(column: pd.Series, kind: Kind) -> bool:
    if kind:
        return kind == "classes"
    if not cells.is_numeric(column):
        return True
    values = cells.numbers(column)
    different = np.unique(values)
    if len(different) > FEW or (different != np.floor(different)).any():
        return False
    raise DataError(
        f"target {column.name!r} holds {len(different)} different whole numbers: say whether they "
        "are classes or numbers (target_is)"
    )


def _classes(column: pd.Series) -> Target:
    values = pd.unique(column.astype(object))
    known = dict(zip(cells.text(pd.Series(values, dtype=object)), values, strict=True))
    of = next(
        (name for name, kinds in _KINDS.items() if all(isinstance(v, kinds) for v in values)), "str"
    )
    order = sorted(known, key=lambda label: label if of == "str" else known[label])
    if len(order) < 2:
        raise DataError(f"target {column.name!r} has a single class, {order[0]!r}")
    return Target((str(column.name),), tuple(order), of)
