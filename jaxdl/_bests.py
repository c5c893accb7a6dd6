"""The metric by which a run is told of in a word, and its best value."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxdl import _kinds
from jaxdl._workdir import COLUMNS


def measured(row: Mapping[str, Any]) -> list[str]:
    """A row's metrics, which stand after its message."""
    names = list(row)
    behind = names[names.index("message") + 1 :] if "message" in row else []
    return [name for name in behind if name not in COLUMNS]


def headline(metrics: Iterable[str]) -> str:
    """The metric to tell of: one on validation before others, since choices are made by it; a share
    before a loss; of equals the last. Nothing where it is not known which values are better."""
    known = [name for name in metrics if kind(name) is not None]
    return max(reversed(known), key=_rank, default="")


def _rank(metric: str) -> tuple[bool, bool]:
    of, found = metric.replace("/", "_").split("_")[0], kind(metric)
    return of in ("validation", "evaluation"), found is not None and found.scale == "share"


def kind(metric: str) -> _kinds.Kind | None:
    """What is known of a metric, be it of training on a stream (`evaluation/loss`)."""
    try:
        return _kinds.kind(metric.rpartition("/")[2])
    except ValueError:
        return None


def best(metric: str, values: Sequence[Any]) -> float | None:
    """The best of the finite numbers; None where nobody knows which way is better."""
    finite = [value for value in values if is_number(value) and math.isfinite(value)]
    known = kind(metric)
    if known is None:
        return None
    return max(finite, default=None) if known.mode == "max" else min(finite, default=None)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
