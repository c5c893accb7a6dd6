"""What a sweep runs: points of a space of hyperparameters, crossed with programs and seeds.

A point is a dict of hyperparameters by name. The random and quasi-random points of one seed are a
sequence: the first n of it do not change when more are drawn.
"""

import hashlib
import itertools
import json
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

Value: TypeAlias = float | int | str
Point: TypeAlias = dict[str, Value]


class Trial(NamedTuple):
    """One run: which program, with which hyperparameters, from which seed."""

    program: str
    hparams: Point
    seed: int


class Uniform(NamedTuple):
    """Numbers between two ends, all equally likely."""

    low: float
    high: float

    def from_unit(self, u: float) -> float:
        """The value at u in [0, 1)."""
        return min(self.low + u * (self.high - self.low), self.high)


class LogUniform(NamedTuple):
    """Numbers between two positive ends, all orders of magnitude equally likely."""

    low: float
    high: float

    def from_unit(self, u: float) -> float:
        """The value at u in [0, 1)."""
        value = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        return min(max(value, self.low), self.high)


class Choice(NamedTuple):
    """One of some values, all equally likely."""

    values: Sequence[Value]

    def from_unit(self, u: float) -> Value:
        """The value at u in [0, 1)."""
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]


Distribution: TypeAlias = Uniform | LogUniform | Choice


def grid(**axes: Iterable[Value]) -> list[Point]:
    """Every combination of the axes' values, the first axis changing slowest.

    Raises ValueError, naming the axis, where one is empty, a lone string or not finite.
    """
    columns = {name: _values(name, values) for name, values in axes.items()}
    return [
        dict(zip(columns, point, strict=True)) for point in itertools.product(*columns.values())
    ]


def random(count: int, seed: int, /, **distributions: Distribution) -> list[Point]:
    """`count` independent points. Raises ValueError, naming what is wrong."""
    _check(count, distributions)
    units = np.random.default_rng(seed).random((count, len(distributions)))
    return _points(units, distributions)


def halton(count: int, seed: int, /, **distributions: Distribution) -> list[Point]:
    """`count` points of the scrambled Halton sequence, which fills the space more evenly.

    Raises ValueError, naming what is wrong.
    """
    from scipy.stats import qmc  # half a second that the other spaces need not wait

    _check(count, distributions)
    return _points(qmc.Halton(len(distributions), rng=seed).random(count), distributions)


def log_spaced(low: float, high: float, count: int) -> list[float]:
    """`count` numbers of equal ratio from `low` to `high`, both exact, the others rounded to six
    significant digits."""
    _check_distribution("log_spaced", LogUniform(low, high))
    if count < 2:
        raise ValueError(f"log_spaced: there are two ends, so count must be >= 2, not {count}")
    inner = [float(f"{value:.6g}") for value in np.geomspace(low, high, count)[1:-1]]
    values = [float(low), *inner, float(high)]
    if any(left >= right for left, right in itertools.pairwise(values)):
        raise ValueError(f"log_spaced: {low} and {high} are too close for {count} values")
    return values


def trials(
    programs: Iterable[str], hparams: Iterable[Mapping[str, Value]], seeds: Iterable[int]
) -> list[Trial]:
    """Programs × points × seeds, the seeds changing fastest.

    Raises ValueError where one of the three is empty or a trial would be there twice.
    """
    names, points, numbers = _values("programs", programs), list(hparams), list(seeds)
    if not points or not numbers:
        raise ValueError(f"{'seeds' if points else 'hparams'}: there is no value")
    crossed = [
        Trial(str(name), dict(point), seed)
        for name, point, seed in itertools.product(names, points, numbers)
    ]
    seen: set[str] = set()
    for trial in crossed:
        identity = trial_id(trial)
        if identity in seen:
            raise ValueError(f"{trial} is there twice")
        seen.add(identity)
    return crossed


def trial_id(trial: Trial) -> str:
    """16 hexadecimal digits, the same in every process; the order of hparams does not matter.

    1 and 1.0 differ, as do any two floats of different `repr`.
    """
    hparams = {name: _plain(name, value) for name, value in trial.hparams.items()}
    content = [trial.program, hparams, operator.index(trial.seed)]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(name: str, value: Value) -> Value:
    number = value.item() if getattr(value, "ndim", None) == 0 else value  # type: ignore[union-attr]
    if not isinstance(number, float | int | str):
        raise ValueError(f"{name}: a hyperparameter is a number or a string, not {value!r}")
    return number


def _values(name: str, values: Iterable[Value]) -> list[Value]:
    if isinstance(values, str):
        raise ValueError(f"{name}: give a sequence of values, not the string {values!r}")
    plain = [_plain(name, value) for value in values]
    if not plain:
        raise ValueError(f"{name}: there is no value")
    for value in plain:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name}: {value} is not finite")
    return plain


def _check(count: int, distributions: Mapping[str, Distribution]) -> None:
    if count < 1:
        raise ValueError(f"count must be >= 1, not {count}")
    if not distributions:
        raise ValueError("give at least one distribution")
    for name, distribution in distributions.items():
        _check_distribution(name, distribution)


def _check_distribution(name: str, distribution: Distribution) -> None:
    if isinstance(distribution, Choice):
        _values(name, distribution.values)
        return
    if not isinstance(distribution, Uniform | LogUniform):
        raise ValueError(f"{name}: give a Uniform, LogUniform or Choice, not {distribution!r}")
    low, high = distribution
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name}: the ends must be finite and low < high, not {low} and {high}")
    if isinstance(distribution, LogUniform) and low <= 0:
        raise ValueError(f"{name}: low must be > 0 on a log scale, not {low}")


def _points(units: np.ndarray, distributions: Mapping[str, Distribution]) -> list[Point]:
    return [
        {
            name: distribution.from_unit(float(u))
            for u, (name, distribution) in zip(row, distributions.items(), strict=True)
        }
        for row in units
    ]
