"""Intervals, verdicts and the choice of a rate (Dodge et al. 2019; Agarwal et al. 2021)."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special
from scipy import stats as scipy_stats

Direction = Literal["above", "below"]
Verdict = Literal["holds", "fails", "inconclusive"]
Mode = Literal["max", "min"]

TIE = 1e-6
"""Two means that differ by less than this fraction are a tie: below the rounding of float32."""


class Interval(NamedTuple):
    """An estimate with its bounds, in the unit of the values; nan bounds say nothing is known.

    mean: the estimate (a mean, or an interquartile mean)
    low, high: the bounds
    n: how many values (seeds) it rests on
    method: how the bounds were made, in words
    """

    mean: float
    low: float
    high: float
    n: int
    method: str


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's t interval of the mean: x̄ ± t₍ₙ₋₁₎ · s / √n.

    values [N], N >= 1. One value has a mean and nan bounds; a value that is not finite makes
    all three nan, so that a diverged seed is never averaged away. ValueError when empty.
    """
    x = _sample(values)
    _check_confidence(confidence)
    method = f"Student t, {100 * confidence:g} %"
    if not np.isfinite(x).all():
        return Interval(math.nan, math.nan, math.nan, x.size, method)
    mean = float(x.mean())
    if x.size == 1:
        return Interval(mean, math.nan, math.nan, 1, method)
    quantile = special.stdtrit(x.size - 1, (1 + confidence) / 2)
    half = float(quantile * x.std(ddof=1) / math.sqrt(x.size))
    return Interval(mean, mean - half, mean + half, x.size, method)


def paired_interval(values: ArrayLike, baseline: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's t interval of the mean difference `values - baseline`, seed by seed.

    Both [N] and in the same order of seeds, which removes what the seeds share. One seed, a value
    that is not finite: as in `mean_interval`. ValueError when the lengths differ.
    """
    x, y = _sample(values), _sample(baseline)
    if x.shape != y.shape:
        raise ValueError(f"paired values need the same seeds: got {x.size} and {y.size}")
    method = f"paired Student t, {100 * confidence:g} %"
    return mean_interval(x - y, confidence)._replace(method=method)


def proportion_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Exact binomial interval of a share (Clopper and Pearson 1934).

    The mean is successes / trials; the bounds stay within 0 … 1 and cover the share at least as
    often as `confidence` says. ValueError unless 0 <= successes <= trials and trials >= 1.
    """
    _check_confidence(confidence)
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"expected 0 <= successes <= trials, not none: {successes} of {trials}")
    exact = scipy_stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    method = f"Clopper-Pearson, {100 * confidence:g} %"
    return Interval(successes / trials, float(exact.low), float(exact.high), trials, method)


def interquartile_mean(values: ArrayLike, axis: int | None = None) -> np.ndarray:
    """Mean of what is left without the lowest and the highest ⌊N/4⌋ values (Agarwal et al. 2021).

    values of any shape; over all of them, or along `axis`. Fewer than 4 values: the plain mean.
    """
    return np.asarray(scipy_stats.trim_mean(np.asarray(values, np.float64), 0.25, axis=axis))


def iqm_interval(
    values: ArrayLike, confidence: float = 0.95, resamples: int = 9999, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of the interquartile mean; the same seed, the same bounds.

    values [N]. Narrow below about 10 values, where the t interval of the mean is to be preferred.
    One value, a value that is not finite: as in `mean_interval`.
    """
    x = _sample(values)
    _check_confidence(confidence)
    method = f"percentile bootstrap of the interquartile mean, {100 * confidence:g} %"
    if not np.isfinite(x).all():
        return Interval(math.nan, math.nan, math.nan, x.size, method)
    estimate = float(interquartile_mean(x))
    if x.size == 1:
        return Interval(estimate, math.nan, math.nan, 1, method)
    bounds = scipy_stats.bootstrap(
        (x,),
        lambda sample, axis: interquartile_mean(sample, axis),
        vectorized=True,
        confidence_level=confidence,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(estimate, float(bounds.low), float(bounds.high), x.size, method)


def best_of_k(values: ArrayLike, k: ArrayLike, mode: Mode = "max") -> np.ndarray:
    """Expected best of k trials drawn at random, with replacement (Dodge et al. 2019, eq. 7).

    E[V*ₖ] = Σᵢ v₍ᵢ₎ · ((i/n)ᵏ − ((i−1)/n)ᵏ), v₍₁₎ ≤ … ≤ v₍ₙ₎ for a metric to be maximised.
    values [N] of all trials of a search, k integers >= 1 of any shape: the result has k's shape.
    ValueError for a value that is not finite: a diverged trial has spent its budget too, give it
    what guessing would have reached.
    """
    sign = _sign(mode)
    v = np.sort(sign * _sample(values))
    if not np.isfinite(v).all():
        raise ValueError("best_of_k needs finite values: give diverged trials the level of chance")
    power = np.asarray(k)
    if (power < 1).any():
        raise ValueError("best_of_k needs k >= 1")
    steps = np.arange(v.size + 1) / v.size
    weights = np.diff(steps ** power[..., None], axis=-1)
    return sign * (weights @ v)


def performance_profile(scores: ArrayLike, thresholds: ArrayLike) -> np.ndarray:
    """Share of runs whose score is above each threshold τ (Agarwal et al. 2021, eq. 2).

    scores of any shape (runs, or runs × tasks), thresholds [T]; returns [T] in 0 … 1. A nan score
    is above no threshold.
    """
    x = _sample(np.ravel(np.asarray(scores, np.float64)))
    return (x > np.asarray(thresholds, np.float64)[:, None]).mean(axis=1)


def verdict(interval: Interval, threshold: float, direction: Direction) -> Verdict:
    """What the interval says of the claim "the quantity is above (below) the threshold".

    *holds*: wholly beyond the threshold; *fails*: wholly on the other side; *inconclusive*: across
    it, touching it, or with nan bounds. ValueError for another direction or a nan threshold.
    """
    if direction not in ("above", "below"):
        raise ValueError(f"direction is 'above' or 'below', not {direction!r}")
    if math.isnan(threshold):
        raise ValueError("a threshold is a number, fixed before the run")
    above, below = interval.low > threshold, interval.high < threshold
    if direction == "below":
        above, below = below, above
    return "holds" if above else "fails" if below else "inconclusive"


def select(
    frame: pd.DataFrame,
    by: Sequence[str],
    over: str | Sequence[str],
    metric: str = "validation_accuracy",
    mode: Mode = "max",
) -> pd.DataFrame:
    """The rate of each condition, chosen by the mean of a validation metric over the seeds.

    frame: one row a trial, with the columns `seed`, `status`, those of `by` (which name a
        condition), those of `over` (the rate, or several numbers searched together) and `metric`.
    A rate is *eligible* when every seed of the condition is there, `ok` and finite. Where no rate
    is, the one that lacks the fewest seeds is named, with a nan metric. Ties (`TIE`) go to the
    smaller rate, in the order of `over`.

    Returns one row a condition, in order of appearance: `by`, `over`, `metric` (the mean over
    seeds), `eligible`, `on_border` (the choice is the smallest or the largest number tried of a
    column of `over` that has several: the best may lie outside) and `share_diverged` (of all
    trials of the condition). ValueError for a test metric, for a column that is not there, and
    for two rows of one condition, rate and seed (a searched column was left out of `over`).
    """
    by, over = list(by), [over] if isinstance(over, str) else list(over)
    sign = _sign(mode)
    _check_trials(frame, by, over, metric)
    value = frame[metric].astype(float)
    value = value.where(frame["status"].eq("ok") & np.isfinite(value))
    groups = frame.groupby(by, sort=False, dropna=False, observed=True)
    rows = [_choose(trials, value[trials.index], by, over, metric, sign) for _, trials in groups]
    return pd.DataFrame(rows)


def chosen_trials(frame: pd.DataFrame, selection: pd.DataFrame, on: Sequence[str]) -> pd.DataFrame:
    """The trials of `frame` at the rates of `select`; `on` names its `by` and `over` columns."""
    return frame.merge(selection[list(on)], on=list(on), how="inner", validate="many_to_one")


def _choose(
    trials: pd.DataFrame,
    value: pd.Series,
    by: list[str],
    over: list[str],
    metric: str,
    sign: float,
) -> dict[str, object]:
    """One row of `select`: the condition's columns, its rate and what is to be known of it."""
    grouped = value.groupby([trials[name] for name in over], dropna=False, observed=True)
    rates = grouped.agg(["mean", "count"]).reset_index()
    lacking = trials["seed"].nunique(dropna=False) - rates["count"]
    pool = rates[lacking == lacking.min()]
    means = sign * pool["mean"]
    worse = means < means.max() - TIE * abs(means.max())
    row = pool.index[~worse][0]
    eligible = bool(lacking.min() == 0)
    return {
        **{name: trials[name].iloc[0] for name in by},
        **{name: rates.at[row, name] for name in over},
        metric: float(rates.at[row, "mean"]) if eligible else math.nan,
        "eligible": eligible,
        "on_border": any(_at_end(rates[name], rates.at[row, name]) for name in over),
        "share_diverged": float(trials["status"].eq("diverged").mean()),
    }


def _at_end(grid: pd.Series, value: float) -> bool:
    """Is the value the smallest or the largest of a grid of numbers with more than one point?"""
    if not pd.api.types.is_numeric_dtype(grid) or grid.nunique() < 2:
        return False
    return bool(value in (grid.min(), grid.max()))


def _check_trials(frame: pd.DataFrame, by: list[str], over: list[str], metric: str) -> None:
    if metric.startswith("test"):
        raise ValueError(f"a rate is chosen on validation, never on test: {metric!r}")
    if not by or not over:
        raise ValueError("select needs a column in `by` and one in `over`")
    absent = [name for name in (*by, *over, metric, "seed", "status") if name not in frame]
    if absent:
        raise ValueError(f"the trials have no column {', '.join(map(repr, absent))}")
    if frame.empty:
        raise ValueError("there are no trials to choose from")
    if not frame.index.is_unique:
        raise ValueError("the trials need a unique index: reset_index(drop=True)")
    if frame.duplicated([*by, *over, "seed"]).any():
        raise ValueError(
            f"several trials share {[*by, *over, 'seed']}: name every searched column in `over`"
        )


def _sample(values: ArrayLike) -> np.ndarray:
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"expected a list of one or more values, got shape {x.shape}")
    return x


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, got {confidence}")


def _sign(mode: Mode) -> float:
    if mode not in ("max", "min"):
        raise ValueError(f"mode is 'max' or 'min', not {mode!r}")
    return 1.0 if mode == "max" else -1.0
