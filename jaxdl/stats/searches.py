"""Was the search wide enough, and how narrow is its optimum (Choi et al. 2019)?"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdl._kinds import Kind
from jaxdl.stats.comparisons import verdict
from jaxdl.stats.intervals import _sample, paired_interval

NEAR = 0.01
"""How far from the best a score may be to count as good: 1 %, or one point of a share."""


class Sensitivity(NamedTuple):
    """The region of a searched rate in which a method is nearly at its best.

    decades: its width, all pieces together, in powers of ten
    low, high: its least and its greatest rate
    at_end: whether an end of the searched rates lies in it, so that it may be wider
    """

    decades: float
    low: float
    high: float
    at_end: bool


def rate_sensitivity(rates: ArrayLike, values: ArrayLike, kind: Kind) -> Sensitivity:
    """The region of the rates that score within 1 % of the best: one point for shares.

    rates [R], above 0, in any order; values [R] of a metric of that kind (`stats.kind`), the means
    over seeds, say. Between neighbouring rates the metric is taken as linear in log₁₀ of the rate;
    where one of the two is not finite (it diverged), the region ends at the other.
    """
    x, y = _sample(rates), _sample(values)
    if x.shape != y.shape or not (np.isfinite(x) & (x > 0)).all() or np.unique(x).size < x.size:
        raise ValueError("expected one value for each of several rates, all different and above 0")
    if not np.isfinite(y).any():
        raise ValueError("no rate has a finite value")
    order = np.argsort(x)
    log, y = np.log10(x[order]), np.where(np.isfinite(y), y, math.nan)[order]
    lost, near = _lost(y, kind)
    gaps = np.array([_reach(a, b, near) for a, b in itertools.pairwise(lost)]) * np.diff(log)
    inside = np.flatnonzero(lost <= near)
    first, last = int(inside[0]), int(inside[-1])
    low = log[first] - (gaps[first - 1] if first else 0.0)
    high = log[last] + (gaps[last] if last < gaps.size else 0.0)
    at_end = first == 0 or last == x.size - 1
    return Sensitivity(float(gaps.sum()), float(10**low), float(10**high), at_end)


def near_best(values: ArrayLike, kind: Kind) -> np.ndarray:
    """Which of the values [N] are within 1 % of the best: one point for shares; nan never is.

    ValueError where none is finite.
    """
    y = _sample(values)
    y = np.where(np.isfinite(y), y, math.nan)
    if np.isnan(y).all():
        raise ValueError("there is no finite value")
    lost, near = _lost(y, kind)
    return lost <= near


def _lost(values: np.ndarray, kind: Kind) -> tuple[np.ndarray, float]:
    """How far values lie from the best of them, and how far the good ones may."""
    best = float(np.nanmax(values) if kind.mode == "max" else np.nanmin(values))
    near = NEAR if kind.scale == "share" else NEAR * abs(best)
    # a point on the edge is in, whatever the rounding of 0.99 - 0.98
    return np.abs(values - best), near + 1e-12 * abs(best)


def border_warning(best: Mapping[str, float], tried: Mapping[str, ArrayLike]) -> str | None:
    """One line where the best lies on an end of what was searched, None where it does not.

    best: the chosen number of each searched dimension; tried: all numbers tried of it, or the two
    ends of its range. A dimension with one number was not searched. Of N numbers drawn at random
    the best is an end by chance in 2 of N searches.
    """
    absent = [name for name in best if name not in tried]
    if absent:
        raise ValueError(f"it is not said what was tried of {', '.join(map(repr, absent))}")
    parts = []
    for name, value in best.items():
        numbers = _sample(tried[name])
        if np.isnan(numbers).any() or math.isnan(value):
            raise ValueError(f"a number tried of {name!r} is NaN")
        end = end_of(numbers, value)
        if end:
            parts.append(
                f"{name}={value:g} is the {end} tried ({numbers.min():g} … {numbers.max():g})"
            )
    return f"the best lies on the border of the search: {'; '.join(parts)}" if parts else None


def end_of(tried: np.ndarray, value: float) -> Literal["smallest", "largest"] | None:
    """On which end of the numbers tried the value lies; on none where they are all one."""
    low, high = tried.min(), tried.max()
    if low == high:
        return None
    return "smallest" if value <= low else "largest" if value >= high else None


def inclusion_warning(
    scores: Mapping[str, ArrayLike], chain: Sequence[str], kind: Kind, confidence: float = 0.95
) -> str | None:
    """One line where a method beats another one that includes it, None where none does.

    A method that can imitate another by its hyperparameters, tuned, is at least as good (Choi et
    al. 2019); where the included one is better by more than its paired interval, the search of the
    other was too narrow.

    Args:
        scores: of each method tuned, [N] in the same order of seeds.
        chain: methods from the widest to the narrowest, `("adam", "momentum", "sgd")` say; every
            one is compared with all after it.
        kind: of the scores (`stats.kind`).
        confidence: of each comparison, without a correction for their number.

    Raises:
        ValueError: one seed, NaN, a method without scores, fewer than two methods.
    """
    if len(chain) < 2:
        raise ValueError("an inclusion needs two methods or more, the widest first")
    absent = [name for name in chain if name not in scores]
    if absent:
        raise ValueError(f"there are no scores of {', '.join(map(repr, absent))}")
    samples = {name: _sample(scores[name]) for name in chain}
    for name, sample in samples.items():
        if sample.size == 1:
            raise ValueError(f"a single seed of {name!r} has no interval: run three or more")
        if np.isnan(sample).any():
            raise ValueError(f"a score of {name!r} is NaN: give it the level of chance")
    parts = []
    for wide, narrow in itertools.combinations(chain, 2):
        pair = (narrow, wide) if kind.mode == "max" else (wide, narrow)
        lead = paired_interval(samples[pair[0]], samples[pair[1]], confidence)
        if verdict(lead, 0.0, "above") == "holds":
            bounds = f"{lead.mean:.3g} ({lead.low:.3g} … {lead.high:.3g})"
            parts.append(f"{narrow} beats {wide}, which includes it, by {bounds}")
    return f"the search space is too narrow: {'; '.join(parts)}" if parts else None


def _reach(first: float, second: float, near: float) -> float:
    """Share of the way between two losses, linear in between, that is at most `near`."""
    if math.isnan(first) or math.isnan(second):
        return 0.0
    low, high = min(first, second), max(first, second)
    if low > near:
        return 0.0
    return 1.0 if high <= near else (near - low) / (high - low)
