"""What a sweep runs: points of a space of hyperparameters, crossed with programs and seeds.

A point is a dict of hyperparameters by name. The random and quasi-random points of one seed are a
sequence: the first n of it do not change when more are drawn.

A hyperparameter is of one kind in all trials of a program, and reaches the program as that: a whole
number as int32, any other number as float32, a truth value as bool, a name by its index.
"""

import hashlib
import itertools
import json
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from jaxdl.sweep.distributions import (
    Distribution,
    Value,
    as_plain,
    check,
    check_log_ends,
    is_whole,
    plain_values,
)

Point: TypeAlias = dict[str, Value]
"""Hyperparameters by name."""
FLOAT32 = np.finfo(np.float32)


class Trial(NamedTuple):
    """One run: which program, with which hyperparameters, from which seed."""

    program: str
    hparams: Point
    seed: int


def grid(**axes: Iterable[Value]) -> list[Point]:
    """Every combination of the axes' values, the first axis changing slowest.

    Raises ValueError, naming the axis, where one is empty, a lone string or not finite.
    """
    columns = {name: plain_values(name, values) for name, values in axes.items()}
    return [
        dict(zip(columns, point, strict=True)) for point in itertools.product(*columns.values())
    ]


def random(count: int, seed: int, /, **distributions: Distribution) -> list[Point]:
    """`count` independent points. Raises ValueError, naming what is wrong."""
    _check_count(count)
    check(distributions)
    units = np.random.default_rng(seed).random((count, len(distributions)))
    return _points(units, distributions)


def halton(count: int, seed: int, /, **distributions: Distribution) -> list[Point]:
    """`count` points of the scrambled Halton sequence, which fills the space more evenly.

    Raises ValueError, naming what is wrong.
    """
    from scipy.stats import qmc  # half a second that the other spaces need not wait

    _check_count(count)
    check(distributions)
    return _points(qmc.Halton(len(distributions), rng=seed).random(count), distributions)


def log_spaced(low: float, high: float, count: int) -> list[float]:
    """`count` numbers of equal ratio from `low` to `high`, both exact, the others rounded to six
    significant digits."""
    check_log_ends("log_spaced", low, high)
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

    A hyperparameter that is whole in some points and not in others is a float in all. Raises
    ValueError where one of the three is empty, and for what `checked` refuses.
    """
    if not isinstance(seeds, Iterable):
        raise ValueError(f"seeds: give a sequence, such as range({seeds!r}), not {seeds!r}")
    names, points = plain_values("programs", programs), of_one_kind(list(hparams))
    numbers = list(seeds)
    if not points or not numbers:
        raise ValueError(f"{'seeds' if points else 'hparams'}: there is no value")
    crossed = itertools.product(names, points, numbers)
    return checked([Trial(str(name), dict(point), seed) for name, point, seed in crossed])


def checked(trials: Iterable[Trial]) -> list[Trial]:
    """The trials, with NumPy's numbers as Python's; each can be run and told from the others.

    Raises ValueError for a seed outside 0 … 2³² − 1, a trial that is there twice, hyperparameters
    of a program that differ in name or kind, a number that is not finite or that int32 or float32
    does not hold (what underflows to 0 included), and two that are one number in float32.
    """
    plain = [_plain_trial(trial) for trial in trials]
    seen: set[str] = set()
    for trial in plain:
        identity = trial_id(trial)
        if identity in seen:
            raise ValueError(f"{trial} is there twice")
        seen.add(identity)
    for program in dict.fromkeys(trial.program for trial in plain):
        points = [trial.hparams for trial in plain if trial.program == program]
        for point in points:
            if set(point) != set(points[0]):
                raise ValueError(
                    f"program {program}: trials have different hyperparameters, "
                    f"{sorted(points[0])} and {sorted(point)}"
                )
        for name in points[0]:
            _check_column(name, {repr(point[name]): point[name] for point in points}.values())
    return plain


def trial_id(trial: Trial) -> str:
    """16 hexadecimal digits, the same in every process; the order of hparams does not matter.

    1 and 1.0 differ, as do any two floats of different `repr`.
    """
    hparams = {name: as_plain(name, value) for name, value in trial.hparams.items()}
    content = [trial.program, hparams, operator.index(trial.seed)]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain_trial(trial: Trial) -> Trial:
    seed = trial.seed
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise ValueError(f"seeds are whole numbers from 0 to {2**32 - 1}, not {seed!r}")
    hparams = {name: as_plain(name, value) for name, value in trial.hparams.items()}
    return Trial(trial.program, hparams, int(seed))


def of_one_kind(points: Sequence[Mapping[str, Value]]) -> list[Point]:
    """The points with a hyperparameter as a float in all where it is one in some."""
    plain = [{name: as_plain(name, value) for name, value in point.items()} for point in points]
    floats = {n for point in plain for n, value in point.items() if isinstance(value, float)}
    return [
        {n: _as_float(n, value) if n in floats else value for n, value in point.items()}
        for point in plain
    ]


def _as_float(name: str, value: Value) -> Value:
    if type(value) is not int:
        return value
    if int(np.float32(value)) != value:
        raise ValueError(f"{name}: {value} is not a number of float32")
    return float(value)


def _check_column(name: str, values: Iterable[Value]) -> None:
    """The different values of one hyperparameter of a program."""
    kinds = {type(value) for value in values}
    if len(kinds) > 1:
        words = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(f"{name} is {words}; let it be of one kind in all trials of a program")
    found: dict[float, Value] = {}
    for value in values:
        if type(value) is int and not -(2**31) <= value < 2**31:
            raise ValueError(f"{name}: {value} does not fit int32")
        if not isinstance(value, float):
            continue
        if not math.isfinite(value):
            raise ValueError(f"{name}: {value} is not finite")
        narrow = abs(np.float32(value)) if abs(value) <= float(FLOAT32.max) else np.inf
        if value and not FLOAT32.tiny <= narrow < np.inf:
            became = "infinite" if narrow == np.inf else "0"
            raise ValueError(f"{name}: {value} is {became} in float32")
        if (other := found.setdefault(float(np.float32(value)), value)) != value:
            raise ValueError(f"{name}: {other} and {value} are one number in float32")


def _check_count(count: int) -> None:
    if count < 1:
        raise ValueError(f"count must be >= 1, not {count}")


def _points(units: np.ndarray, distributions: Mapping[str, Distribution]) -> list[Point]:
    return [
        {
            name: distribution.from_unit(float(u))
            for u, (name, distribution) in zip(row, distributions.items(), strict=True)
        }
        for row in units
    ]
