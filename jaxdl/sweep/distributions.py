"""Of what kind a hyperparameter is that is searched, and where its values lie in the unit interval.

A kind maps [0, 1) onto its values, each part of equal length being equally likely, and back. One
that has no values raises ValueError where it is made.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Value: TypeAlias = float | int | str


@dataclass(frozen=True)
class Uniform:
    """Numbers between two ends, all equally likely."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends("Uniform", self.low, self.high)

    def from_unit(self, u: float) -> float:
        """The value at u in [0, 1)."""
        return min(self.low + u * (self.high - self.low), self.high)

    def to_unit(self, value: float) -> float:
        """Where a value lies in [0, 1]."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class LogUniform:
    """Numbers between two positive ends, all orders of magnitude equally likely."""

    low: float
    high: float

    def __post_init__(self) -> None:
        check_log_ends("LogUniform", self.low, self.high)

    def from_unit(self, u: float) -> float:
        """The value at u in [0, 1)."""
        value = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        return min(max(value, self.low), self.high)

    def to_unit(self, value: float) -> float:
        """Where a value lies in [0, 1]."""
        return math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True)
class Integer:
    """Whole numbers from the lowest to the highest, both included, all equally likely."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _check_ends("Integer", self.low, self.high)
        if not (is_whole(self.low) and is_whole(self.high)):
            raise ValueError(f"Integer: the ends are whole numbers, not {self.low} and {self.high}")

    def from_unit(self, u: float) -> int:
        """The value at u in [0, 1)."""
        return min(self.low + int(u * (self.high - self.low + 1)), self.high)

    def to_unit(self, value: float) -> float:
        """The middle of the part of [0, 1] that a value has."""
        return (value - self.low + 0.5) / (self.high - self.low + 1)


@dataclass(frozen=True)
class Choice:
    """One of some values, all equally likely."""

    values: Sequence[Value]

    def __post_init__(self) -> None:
        plain_values("Choice", self.values)

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
