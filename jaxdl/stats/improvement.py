"""The probability that one method beats another (Mann and Whitney 1947; Agarwal et al. 2021)."""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from jaxdl._kinds import Mode
from jaxdl.stats.bootstrap import by_workload, few
from jaxdl.stats.intervals import FEWEST, Interval, _check_confidence


def probability_of_improvement(
    values: ArrayLike, baseline: ArrayLike, mode: Mode = "max", *, confidence: float = 0.95
) -> Interval:
    """P(X better than Y) of a run each, ties counting half, averaged over workloads.

    p_w = U_w / (NM), U_w the Mann-Whitney statistic of values [W, N] and baseline [W, M] (one
    dimension: one workload) on workload w; the estimate is p̄ = Σ p_w / W. Infinite values are
    ranked, so times to a target that was missed may stand in it (with mode `min`).

    Bounds: the θ at which |p̄ − θ| = z √(h V(θ) / W), with Newcombe's (2006, method 5) V(θ) =
    θ(1 − θ) r(θ), r = (1 + k((1 − θ)/(2 − θ) + θ/(1 + θ)))/(NM), k = (N + M)/2 − 1, which needs no
    overlap of the two samples. h <= 1 is for workloads that differ: the mean of θ_w(1 − θ_w) by
    θ̄(1 − θ̄), at θ_w = (1 − r) p_w + r/2, drawn to ½, less what their scatter takes from it.

    Coverage of 95 % in 2,000 simulated studies of 1, 3 and 8 workloads, from five seeds on: 94 …
    98 %, up to 99 % where half of the workloads are won and half lost; 92 … 95 % where the spread
    of one method is three times the other's. A percentile bootstrap has no width where the samples
    do not overlap. Fewer than five seeds: the method says so. ValueError for one seed, no values,
    NaN, another number of workloads.
    """
    if mode not in ("max", "min"):
        raise ValueError(f"mode is 'max' or 'min', not {mode!r}")
    _check_confidence(confidence)
    x, y = by_workload(values), by_workload(baseline)
    if len(x) != len(y):
        raise ValueError(f"expected the same workloads: got {len(x)} and {len(y)}")
    if mode == "min":
        x, y = -x, -y
    first, second = x[:, :, None], y[:, None, :]
    wins = ((first > second) + 0.5 * (first == second)).mean(axis=(1, 2))
    n, m = x.shape[1], y.shape[1]
    z = float(special.ndtri((1 + confidence) / 2))
    share = z**2 * _evenness(wins, n, m) / wins.size
    mean = float(wins.mean())
    low, high = _bound(mean, n, m, share), 1 - _bound(1 - mean, n, m, share)
    method = f"Newcombe's score interval over {wins.size} workloads, {100 * confidence:g} %"
    return Interval(mean, low, high, min(n, m), method + few(min(n, m)), FEWEST)


Number = TypeVar("Number", float, np.ndarray)


def _relative(theta: Number, n: int, m: int) -> Number:
    """r(θ), the variance of U/(nm) by θ(1 − θ)."""
    k = (n + m) / 2 - 1
    return (1 + k * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (n * m)


def _evenness(wins: np.ndarray, n: int, m: int) -> float:
    """h: the variance within workloads by what it were if all had the mean probability."""
    relative = _relative(wins, n, m)
    theta = wins * (1 - relative) + relative / 2
    scatter = relative * (1 - 1 / wins.size) * (1 - relative) ** 2
    within = (theta * (1 - theta) / (1 - scatter)).mean()
    return float(min(1.0, within / (theta.mean() * (1 - theta.mean()))))


def _bound(mean: float, n: int, m: int, share: float) -> float:
    """The smallest θ <= mean with (mean − θ)² <= share · V(θ), by bisection."""
    low, high = 0.0, mean
    for _ in range(54):
        theta = (low + high) / 2
        variance = theta * (1 - theta) * _relative(theta, n, m)
        if (mean - theta) ** 2 > share * variance:
            low = theta
        else:
            high = theta
    return high
