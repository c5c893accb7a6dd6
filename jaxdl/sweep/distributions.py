"""Of what kind a hyperparameter is that is searched, and where its values lie in the unit interval.

A kind maps [0, 1) onto its values, each part of equal length being equally likely, and back. One
that has no values raises ValueError where it is made.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self, TypeAlias

import numpy as np

Value: TypeAlias = float | int | str


class _Ends(NamedTuple):
    low: float
    high: float


class _WholeEnds(NamedTuple):
    low: int
    high: int


class _Values(NamedTuple):
    values: Sequence[Value]


class Uniform(_Ends):
    """Numbers between two ends, all equally likely."""

    __slots__ = ()

    def __new__(cls, low: float, high: float) -> Self:
        _check_ends("Uniform", low, high)
        return super().__new__(cls, low, high)

    def from_unit(self, u: float) -> float:
        """The value at u in [0, 1)."""
        return min(self.low + u * (self.high - self.low), self.high)

    def to_unit(self, value: float) -> float:
        """Where a value lies in [0, 1]."""
        return (value - self.low) / (self.high - self.low)


class LogUniform(_Ends):
    """Numbers between two positive ends, all orders of magnitude equally likely."""

    __slots__ = ()

    def __new__(cls, low: float, high: float) -> Self:
        check_log_ends("LogUniform", low, high)
        return super().__new__(cls, low, high)

    def from_unit(self, u: float) -> float:
        """The value at u in [0, 1)."""
        value = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        return min(max(value, self.low), self.high)

    def to_unit(self, value: float) -> float:
        """Where a value lies in [0, 1]."""
        return math.log(value / self.low) / math.log(self.high / self.low)


class Integer(_WholeEnds):
    """Whole numbers from the lowest to the highest, both included, all equally likely."""

    __slots__ = ()

    def __new__(cls, low: int, high: int) -> Self:
        _check_ends("Integer", low, high)
        if not (is_whole(low) and is_whole(high)):
            raise ValueError(f"Integer: the ends are whole numbers, not {low} and {high}")
        return super().__new__(cls, low, high)

    def from_unit(self, u: float) -> int:
        """The value at u in [0, 1)."""
        return min(self.low + int(u * (self.high - self.low + 1)), self.high)

    def to_unit(self, value: float) -> float:
        """The middle of the part of [0, 1] that a value has."""
        return (value - self.low + 0.5) / (self.high - self.low + 1)


class Choice(_Values):
    """One of some values, all equally likely."""

    __slots__ = ()

    def __new__(cls, values: Sequence[Value]) -> Self:
        plain_values("Choice", values)
        return super().__new__(cls, values)

    def from_unit(self, u: float) -> Value:
        """The value at u in [0, 1)."""
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]

    def to_unit(self, value: Value) -> float:
        """The middle of the part of [0, 1] that a value has. ValueError for one of no part."""
        return (list(self.values).index(value) + 0.5) / len(self.values)


Distribution: TypeAlias = Uniform | LogUniform | Integer | Choice


def is_whole(value: object) -> bool:
    """Whether it is a whole number of Python's or NumPy's; a truth value is none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check(distributions: Mapping[str, Distribution]) -> None:
    """Raises ValueError, naming the hyperparameter, for what is no distribution."""
    if not distributions:
        raise ValueError("give at least one distribution")
    for name, distribution in distributions.items():
        if not isinstance(distribution, Distribution):
            raise ValueError(
                f"{name}: give a Uniform, LogUniform, Integer or Choice, not {distribution!r}"
            )


def _check_ends(name: str, low: float, high: float) -> None:
    numbers = all(isinstance(end, int | float | np.number) for end in (low, high))
    if not (numbers and math.isfinite(low) and math.isfinite(high) and low < high):
        ends = f"{low!s} and {high!s}" if numbers else f"{low!r} and {high!r}"
        raise ValueError(f"{name}: the ends must be finite and low < high, not {ends}")


def check_log_ends(name: str, low: float, high: float) -> None:
    """Raises ValueError, beginning with the name, unless 0 < low < high and both are finite."""
    _check_ends(name, low, high)
    if low <= 0:
        raise ValueError(f"{name}: low must be > 0 on a log scale, not {low}")


def as_plain(name: str, value: Value) -> Value:
    """A number of NumPy's as Python's. Raises ValueError for what is no hyperparameter."""
    number = value.item() if getattr(value, "ndim", None) == 0 else value  # type: ignore[union-attr]
    if not isinstance(number, float | int | str):
        raise ValueError(f"{name}: a hyperparameter is a number or a name, not {value!r}")
    return number


def plain_values(name: str, values: Iterable[Value]) -> list[Value]:
    """As `as_plain`, of a sequence. Raises ValueError where it is none, or empty, or not finite."""
    if isinstance(values, str):
        raise ValueError(f"{name}: give a sequence of values, not the string {values!r}")
    if not isinstance(values, Iterable):
        raise ValueError(f"{name}: give a sequence of values, such as [{values!r}]")
    found = [as_plain(name, value) for value in values]
    if not found:
        raise ValueError(f"{name}: there is no value")
    for value in found:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name}: {value} is not finite")
    return found
