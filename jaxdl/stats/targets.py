"""Time to a target and what is made of it (Dolan and Moré 2002; Dahl et al. 2023)."""

import math

import numpy as np
from numpy.typing import ArrayLike

from jaxdl._kinds import Kind
from jaxdl.stats.intervals import Interval, _boundless, mean_interval

LONGEST = 4.0
"""Time in multiples of the fastest from which on a workload counts as lost in AlgoPerf's score."""


def time_to_target(times: ArrayLike, curve: ArrayLike, target: float, kind: Kind) -> np.ndarray:
    """First time at which a curve is as good as its target, inf where it never is.

    times [T], rising (steps or seconds), curve [..., T] of a metric of that kind (`stats.kind`);
    returns [...]. What the curve does afterwards does not matter; nan is no success. A curve of
    float32 is at its target where it is the target's float32. ValueError for a nan target.
    """
    at, y = np.asarray(times, np.float64), np.asarray(curve)
    if at.ndim != 1 or at.size == 0 or y.shape[-1:] != at.shape:
        raise ValueError(f"expected times [T] and a curve [..., T], got {at.shape} and {y.shape}")
    if not (np.diff(at) > 0).all() or np.isnan(at).any():
        raise ValueError("the times of a curve must rise")
    if math.isnan(target):
        raise ValueError("a target is a number, fixed before the run")
    reached = y >= float(target) if kind.mode == "max" else y <= float(target)
    return np.where(reached, at, math.inf).min(axis=-1)


def median_of_best(times: ArrayLike) -> np.ndarray:
    """Median over studies of the fastest trial of each (AlgoPerf's external tuning).

    times [..., S, K] of S studies of K trials, inf for a miss; returns [...], inf where half of the
    studies or more miss.
    """
    x = np.asarray(times, np.float64)
    if x.ndim < 2 or x.size == 0:
        raise ValueError(f"expected times of studies × trials [..., S, K], got shape {x.shape}")
    _check_times(x)
    return np.median(x.min(axis=-1), axis=-1)


def time_ratios(times: ArrayLike) -> np.ndarray:
    """r_ws = t_ws / min_s t_ws: each time in multiples of the workload's fastest.

    times [W, S] of W workloads and S methods, above 0, inf for a miss; returns [W, S], inf
    throughout where all missed.
    """
    x = np.asarray(times, np.float64)
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"expected times of workloads × methods [W, S], got shape {x.shape}")
    _check_times(x)
    out = np.full(x.shape, math.inf)
    return np.divide(x, x.min(axis=1, keepdims=True), out=out, where=np.isfinite(x))


def time_profile(times: ArrayLike, factors: ArrayLike) -> np.ndarray:
    """ρ_s(τ) = share of workloads with r_ws <= τ (Dolan and Moré 2002).

    times [W, S] as in `time_ratios`, factors τ [T]; returns [T, S] in 0 … 1: a miss is in none, for
    τ = inf either. Of shares of runs above a score: `performance_profile`.
    """
    tau = np.asarray(factors, np.float64)
    if tau.ndim != 1 or np.isnan(tau).any():
        raise ValueError("expected factors [T] without NaN")
    ratios = time_ratios(times)
    return (np.isfinite(ratios) & (ratios <= tau[:, None, None])).mean(axis=1)


def algoperf_score(times: ArrayLike) -> np.ndarray:
    """∫₁⁴ ρ_s(τ) dτ / 3 (Dahl et al. 2023), exactly: ρ is a step function.

    A workload solved at the ratio r adds its share from r on, so the integral is the mean over
    workloads of max(0, 4 − r)/3. times [W, S] as in `time_ratios`; returns [S], 1 for a method that
    is the fastest on every workload.
    """
    return (np.maximum(LONGEST - time_ratios(times), 0) / (LONGEST - 1)).mean(axis=0)


def speedup_interval(times: ArrayLike, baseline: ArrayLike, confidence: float = 0.95) -> Interval:
    """Geometric mean over workloads of the speed-up baseline / times, above 1 where faster.

    Both [W], above 0, in the same order of workloads. Student's t of the logarithms, as
    `mean_interval`: the interval is for other workloads of the kind of these, and one workload has
    no bounds. A miss (inf) has no ratio: all three are nan and the method says how many there are;
    `algoperf_score` counts them.
    """
    x, y = np.asarray(times, np.float64), np.asarray(baseline, np.float64)
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        raise ValueError(f"expected times of the same workloads [W], got {x.shape} and {y.shape}")
    _check_times(np.stack([x, y]))
    missed = int((np.isinf(x) | np.isinf(y)).sum())
    if missed:
        words = f"no speed-up: {missed} of {x.size} workloads have no time to the target"
        return _boundless(math.nan, x.size, words)
    return mean_interval(y / x, "positive", confidence=confidence)


def _check_times(times: np.ndarray) -> None:
    if np.isnan(times).any() or (times <= 0).any():
        raise ValueError("times are above 0, inf where the target was missed, never NaN")
