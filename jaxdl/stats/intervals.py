"""Intervals of means, differences and shares, each on the scale of its quantity."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from jaxdl._kinds import Scale

TIE = 1e-6
"""Values that differ by less than this fraction are equal: below the rounding of float32."""
FEWEST = 3
"""Values below which no claim is judged by an interval of a mean: with two, Student's quantile is
12.7, so the interval reaches nine standard deviations to each side."""


class Interval(NamedTuple):
    """An estimate with its bounds, in the unit of the values; nan bounds say nothing is known.

    mean: the estimate (a mean of any kind, an aggregate over workloads, a probability)
    low, high: the bounds
    n: how many values (seeds) it rests on
    method: how the bounds were made, or why there are none, in words
    needs: fewest values with which `verdict` judges
    """

    mean: float
    low: float
    high: float
    n: int
    method: str
    needs: int = 1


def exact(value: float, method: str) -> Interval:
    """A number without noise, such as a count; method: where it is from."""
    return Interval(value, value, value, 1, method)


def mean_interval(
    values: ArrayLike,
    scale: Scale = "real",
    *,
    examples: int | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the mean over seeds (or repeats), by Student's t on the scale of the quantity.

    values [N], N >= 1.
    `real`: x̄ ± t₍ₙ₋₁₎ s / √n, for what is roughly normal (differences, logarithms).
    `positive`: the same of the logarithms, so the estimate is the geometric mean (losses, times).
        Values that are not all positive: as `real`, and the method says so; where several
        conditions stand side by side, `report.summary` takes one scale for all of them.
    `share`: around the logit of the mean with the variance z²/n + z⁴/(2(n − 1)) after Cox (Olsson
        2005), z = s / (x̄(1 − x̄)), since errors near 0 are skewed; the bounds stay within 0 … 1.
        ValueError for a value outside 0 … 1. The share of the seeds that did something is another
        quantity: `proportion_interval`.
    examples: how many test examples each share is a share of. Where several values are all equal
        it gives them a width: that of N · examples draws (Clopper-Pearson).
    Coverage from five values on is 93 … 97 % where values are normal, losses lognormal (a spread
    up to 1), or accuracies binomial with normal logits. It is far less where a seed is now and
    then of another kind: when one in ten collapses, 42 % with five seeds and 65 % with ten, since
    no interval can tell of what most samples do not contain (`tests/stats/test_coverage.py`).

    One value has a mean and nan bounds, and so have equal values without `examples`: equality in a
    few seeds is no certainty. A value that is not finite makes all three nan, so that a diverged
    seed is never averaged away. ValueError when empty.
    """
    x = _sample(values)
    _check_confidence(confidence)
    name = f"{100 * confidence:g} %"
    if scale == "share":
        return _share(x, examples, confidence, name)
    if scale == "positive" and (x > 0).all():
        logs = _student(
            np.log(x), confidence, f"Student t of logarithms (geometric mean), {name}", 1.0
        )
        with np.errstate(over="ignore"):  # a bound may lie beyond all numbers: inf
            mean, low, high = np.exp(logs[:3]).tolist()
        return logs._replace(mean=mean, low=low, high=high)
    if scale not in ("real", "positive"):
        raise ValueError(f"scale is 'real', 'positive' or 'share', not {scale!r}")
    return _student(x, confidence, f"Student t, {name}", float(np.abs(x).max()))


def paired_interval(values: ArrayLike, baseline: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's t interval of the mean difference `values - baseline`, seed by seed.

    Both [N] and in the same order of seeds, which removes what the seeds share. One seed, equal
    differences, a value that is not finite: as in `mean_interval`. ValueError when the lengths
    differ.
    """
    x, y = _paired(values, baseline)
    _check_confidence(confidence)
    method = f"paired Student t, {100 * confidence:g} %"
    return _student(_difference(x, y), confidence, method, float(np.abs([x, y]).max()))


def unpaired_interval(values: ArrayLike, baseline: ArrayLike, confidence: float = 0.95) -> Interval:
    """Welch's t interval of the difference of two means, for samples that share no seeds.

    values [N], baseline [M], with variances of their own; degrees of freedom after Satterthwaite.
    A sample of one value, all values equal in each, a value that is not finite: nan bounds. n is
    that of the smaller sample. ValueError when one is empty.
    """
    x, y = _sample(values), _sample(baseline)
    _check_confidence(confidence)
    method, fewest = f"Welch's t, {100 * confidence:g} %", min(x.size, y.size)
    mean = float(x.mean() - y.mean())
    if not np.isfinite(mean):
        return _boundless(math.nan, fewest, method)
    size = float(np.abs(np.concatenate([x, y])).max())
    if fewest == 1 or (_equal(x, size) and _equal(y, size)):
        return _boundless(mean, fewest, f"{method}: one value or equal ones, no bounds")
    errors = np.array([x.var(ddof=1) / x.size, y.var(ddof=1) / y.size])
    freedom = errors.sum() ** 2 / (errors**2 / [x.size - 1, y.size - 1]).sum()
    half = float(special.stdtrit(freedom, (1 + confidence) / 2) * math.sqrt(errors.sum()))
    return Interval(mean, mean - half, mean + half, fewest, method, FEWEST)


def magnitude(interval: Interval) -> Interval:
    """The interval of the distance from zero, for a claim that a difference is small.

    It lies below a tolerance if both bounds of the difference are nearer to zero than that. Nan
    bounds stay nan.
    """
    low, high = sorted((abs(interval.low), abs(interval.high)))
    crosses = interval.low < 0 < interval.high
    return interval._replace(mean=abs(interval.mean), low=0.0 if crosses else low, high=high)


def proportion_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Exact binomial interval of a share (Clopper and Pearson 1934).

    The mean is successes / trials; the bounds stay within 0 … 1 and cover the share at least as
    often as `confidence` says. ValueError unless 0 <= successes <= trials and trials >= 1.
    """
    _check_confidence(confidence)
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"expected 0 <= successes <= trials, not none: {successes} of {trials}")
    low, high = _clopper_pearson(successes, trials, confidence)
    method = f"Clopper-Pearson, {100 * confidence:g} %"
    return Interval(successes / trials, low, high, trials, method)


def proportion_of(flags: ArrayLike, confidence: float = 0.95) -> Interval:
    """`proportion_interval` of the share of `flags` [N] that are true; ValueError for nan."""
    if pd.isna(np.asarray(flags)).any():
        raise ValueError("a flag is NaN, not true or false: say what a diverged seed counts as")
    found = np.asarray(flags, bool)
    return proportion_interval(int(found.sum()), found.size, confidence)


def population_interval(accuracies: ArrayLike, examples: int, confidence: float = 0.95) -> Interval:
    """Interval of an accuracy for another seed *and* other examples than those of the test set.

    accuracies [N] over seeds on the same `examples` test examples. The variance has both sources,
    s²/n of the seeds and p(1 − p)/m of the examples; the bounds are Clopper and Pearson's at the
    effective number of examples (Korn and Graubard 1998), which cover 93 … 97 % in simulations
    where the seeds err on the same examples, as networks mostly do; where they do not, more. One
    seed: the examples alone, which the method says. A value that is not finite: all nan.
    """
    x = _sample(accuracies)
    _check_confidence(confidence)
    if examples < 1:
        raise ValueError(f"a share needs one test example or more, got {examples}")
    sources = "seeds and" if x.size > 1 else "one seed's"
    method = f"Korn-Graubard over {sources} {examples:,} test examples, {100 * confidence:g} %"
    if not np.isfinite(x).all():
        return Interval(math.nan, math.nan, math.nan, x.size, method)
    x = _shares(x)
    mean = float(x.mean())
    seeds, sampling = (x.var(ddof=1) / x.size if x.size > 1 else 0.0), mean * (1 - mean) / examples
    total = seeds + sampling
    effective = float(examples)
    if seeds > TIE * total:
        freedom = (x.size - 1) * (total / seeds) ** 2
        ratio = special.ndtri((1 + confidence) / 2) / special.stdtrit(freedom, (1 + confidence) / 2)
        effective = float(mean * (1 - mean) / total * ratio**2)
    low, high = _clopper_pearson(mean * effective, effective, confidence)
    return Interval(mean, low, high, x.size, method, FEWEST)


def interquartile_mean(values: ArrayLike, axis: int | None = None) -> np.ndarray:
    """Mean of what is left without the lowest and the highest ⌊N/4⌋ values (Agarwal et al. 2021).

    values of any shape; over all of them, or along `axis`. Fewer than 4 values: the plain mean.
    """
    from scipy.stats import trim_mean  # half a second that intervals need not wait

    return np.asarray(trim_mean(np.asarray(values, np.float64), 0.25, axis=axis))


def iqm_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's t interval of the interquartile mean (Tukey and McLaughlin 1963).

    The standard error is that of the winsorized values, with h − 1 degrees of freedom, h values
    being left. values [N]; fewer than 4, one value, equal ones, one not finite: as `mean_interval`.
    """
    x = _sample(values)
    _check_confidence(confidence)
    method = f"Student t of the interquartile mean, {100 * confidence:g} %"
    cut = x.size // 4
    if not cut or not np.isfinite(x).all() or _equal(x, float(np.abs(x).max())):
        return _student(x, confidence, method, float(np.abs(x).max()))
    inner = np.sort(x)[cut : x.size - cut]
    winsorized = np.clip(x, inner[0], inner[-1])
    if _equal(winsorized, float(np.abs(x).max())):
        return _boundless(float(inner.mean()), x.size, f"{method}: the inner values are equal")
    left = inner.size
    error = math.sqrt(winsorized.var(ddof=1) * (x.size - 1) / (left * (left - 1)))
    half = float(special.stdtrit(left - 1, (1 + confidence) / 2)) * error
    mean = float(inner.mean())
    return Interval(mean, mean - half, mean + half, x.size, method, FEWEST)


def _student(x: np.ndarray, confidence: float, method: str, size: float) -> Interval:
    """Student's t interval of the mean; `size` is that of the numbers whose rounding x carries."""
    if not np.isfinite(x).all():
        return _boundless(math.nan, x.size, method)
    mean = float(x.mean())
    if x.size == 1:
        return _boundless(mean, 1, f"{method}: one value, no bounds")
    if _equal(x, size):
        return _boundless(mean, x.size, f"{method}: {x.size} equal values, no bounds")
    quantile = special.stdtrit(x.size - 1, (1 + confidence) / 2)
    half = float(quantile * x.std(ddof=1) / math.sqrt(x.size))
    return Interval(mean, mean - half, mean + half, x.size, method, FEWEST)


def _share(x: np.ndarray, examples: int | None, confidence: float, name: str) -> Interval:
    method, n = f"Student t of the logit, {name}", x.size
    if not np.isfinite(x).all():
        return _boundless(math.nan, n, method)
    x = _shares(x)
    mean = float(x.mean())
    if n > 1 and _equal(x, 1.0) and examples is not None:
        low, high = _clopper_pearson(mean * n * examples, n * examples, confidence)
        words = f"Clopper-Pearson of {n} × {examples:,} equal draws, {name}"
        return Interval(mean, low, high, n, words, FEWEST)
    if n == 1 or _equal(x, 1.0):
        return _student(x, confidence, method, 1.0)
    z = float(x.std(ddof=1)) / (mean * (1 - mean))
    quantile = float(special.stdtrit(n - 1, (1 + confidence) / 2))
    half = quantile * math.sqrt(z**2 / n + z**4 / (2 * (n - 1)))
    low, high = special.expit(special.logit(mean) + np.array([-half, half]))
    return Interval(mean, float(low), float(high), n, method, FEWEST)


def _boundless(mean: float, n: int, method: str) -> Interval:
    return Interval(mean, math.nan, math.nan, n, method, FEWEST)


def _clopper_pearson(successes: float, trials: float, confidence: float) -> tuple[float, float]:
    """Quantiles of the beta distribution; counts need not be whole."""
    tail, failures = (1 - confidence) / 2, trials - successes
    low = special.betaincinv(successes, failures + 1, tail) if successes > 0 else 0.0
    high = special.betaincinv(successes + 1, failures, 1 - tail) if failures > 0 else 1.0
    return float(low), float(high)


def _equal(x: np.ndarray, size: float) -> bool:
    return bool(np.ptp(x) <= TIE * size)


def _shares(x: np.ndarray) -> np.ndarray:
    """The values within 0 … 1, which rounding may have left; ValueError further outside."""
    if (x < -TIE).any() or (x > 1 + TIE).any():
        raise ValueError(f"shares lie between 0 and 1, got {x.min():g} … {x.max():g}")
    return np.clip(x, 0.0, 1.0)


def _paired(values: ArrayLike, baseline: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = _sample(values), _sample(baseline)
    if x.shape != y.shape:
        raise ValueError(f"paired values need the same seeds: got {x.size} and {y.size}")
    return x, y


def _difference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # of two infinities: nan
        return x - y


def _sample(values: ArrayLike) -> np.ndarray:
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"expected a list of one or more values, got shape {x.shape}")
    return x


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, got {confidence}")
