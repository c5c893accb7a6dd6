"""Bootstrap intervals stratified over workloads (Efron 1979; Agarwal et al. 2021)."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from jaxdl.stats.intervals import (
    FEWEST,
    Interval,
    _boundless,
    _check_confidence,
    _equal,
    interquartile_mean,
)

ENOUGH = 5
"""Seeds per workload from which on the measured coverage holds; fewer are marked in `method`."""
Aggregate = Callable[[np.ndarray], np.ndarray]
"""Scores of workloads × seeds [..., W, N] to one number each [...]."""


def pooled_iqm(scores: np.ndarray) -> np.ndarray:
    """Interquartile mean of all seeds of all workloads: [..., W, N] to [...] (Agarwal et al.)."""
    return interquartile_mean(scores.reshape(*scores.shape[:-2], -1), axis=-1)


def bootstrap_interval(
    values: ArrayLike,
    aggregate: Aggregate = pooled_iqm,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Interval of an aggregate over workloads, from seeds redrawn within each workload.

    values [W, N] of N seeds on W workloads, or [N] of one. The workloads are fixed: the interval
    says what other seeds would give, not what other workloads would.
    θ̂ ± t_f · s* · √(N/(N − 1)): s* is the standard deviation of the aggregate over the resamples,
    the root undoes the bootstrap's N for N − 1, and the degrees of freedom are Satterthwaite's
    (1946), f = (N − 1)(Σ v)²/Σ v², of each workload's share v = Σᵢ cov(countᵢ, θ*)² of the variance
    (infinitesimal jackknife, Efron 2014). For the mean of one workload this is Student's interval.

    Coverage from five seeds on, in 2,000 simulated studies of 1, 4 and 8 workloads whose spreads
    differ tenfold: 94 … 96 % for means and 95 … 98 % for interquartile means of normal values,
    95 … 96 % for interquartile means of lognormal ones (spread 0.7), 92 … 97 % for either of
    accuracies near 1. Percentile bounds, as in rliable, cover 82 … 93 % there, and BCa no more. It
    is less for means of lognormal values (89 … 92 %: take logarithms) and for the median over
    workloads (85 … 96 %). The bounds are symmetric and may pass 1 for shares near it.

    Fewer than `ENOUGH` seeds: the method says so. Resamples that all agree: nan bounds. ValueError
    for one seed, no values, a value that is not finite.
    """
    x = by_workload(values)
    _check_confidence(confidence)
    if not np.isfinite(x).all():
        raise ValueError("a bootstrap needs finite values: give diverged seeds the level of chance")
    workloads, seeds = x.shape
    drawn = np.random.default_rng(seed).integers(seeds, size=(resamples, workloads, seeds))
    estimates = aggregate(np.take_along_axis(x[None], drawn, axis=-1))
    if np.shape(estimates) != (resamples,):
        raise ValueError(
            f"an aggregate maps [..., W, N] to [...]: {(resamples, *x.shape)} became "
            f"{np.shape(estimates)}"
        )
    estimate = float(aggregate(x))
    method = f"bootstrap t over {workloads} workloads, {100 * confidence:g} %" + few(seeds)
    if _equal(estimates, float(np.abs(x).max())):
        return _boundless(estimate, seeds, f"{method}: all resamples are equal, no bounds")
    freedom = (seeds - 1) * _effective(estimates, drawn)
    error = estimates.std() * math.sqrt(seeds / (seeds - 1))
    half = float(special.stdtrit(freedom, (1 + confidence) / 2) * error)
    return Interval(estimate, estimate - half, estimate + half, seeds, method, FEWEST)


def by_workload(values: ArrayLike) -> np.ndarray:
    """Values of workloads × seeds [W, N], [N] being one workload; ValueError for N = 1 or nan."""
    try:
        x = np.atleast_2d(np.asarray(values, np.float64))
    except ValueError:
        raise ValueError("every workload needs the same number of seeds, numbers [W, N]") from None
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"expected values of workloads × seeds [W, N], got shape {np.shape(x)}")
    if x.shape[1] == 1:
        raise ValueError("a single seed has no interval: run two or more on every workload")
    if np.isnan(x).any():
        raise ValueError("a value is NaN: give a diverged seed the level of chance, a miss inf")
    return x


def few(seeds: int) -> str:
    """What the method adds where coverage was not found to be what it says."""
    return "" if seeds >= ENOUGH else f" ({seeds} seeds: coverage not assured)"


def _effective(estimates: np.ndarray, drawn: np.ndarray) -> float:
    """(Σ v)²/Σ v²: by how many equal workloads the variance would be shared."""
    resamples, workloads, seeds = drawn.shape
    places = drawn + seeds * np.arange(workloads)[:, None]
    weights = np.repeat(estimates - estimates.mean(), workloads * seeds)
    sums = np.bincount(places.ravel(), weights, minlength=workloads * seeds)
    shares = np.square(sums.reshape(workloads, seeds) / resamples).sum(axis=-1)
    return float(shares.sum() ** 2 / np.square(shares).sum())
