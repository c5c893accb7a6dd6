"""What a search reaches within a budget, and the share of runs above a score."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from jaxdl._kinds import Mode
from jaxdl.stats.intervals import _sample


def best_of_k(values: ArrayLike, k: ArrayLike, mode: Mode = "max") -> np.ndarray:
    """Expected best of k trials drawn at random, with replacement (Dodge et al. 2019, eq. 7).

    E[V*ₖ] = Σᵢ v₍ᵢ₎ · ((i/n)ᵏ − ((i−1)/n)ᵏ), v₍₁₎ ≤ … ≤ v₍ₙ₎ for a metric to be maximised.
    values [N] of all trials of a search, k integers >= 1 of any shape: the result has k's shape.
    ValueError for a value that is not finite: a diverged trial has spent its budget too, give it
    what guessing would have reached.
    """
    v, sign = _ranked(values, mode)
    power = np.asarray(k)
    if (power < 1).any():
        raise ValueError("the best of k trials needs k >= 1")
    steps = np.arange(v.size + 1) / v.size
    weights = np.diff(steps ** power[..., None], axis=-1)
    return sign * (weights @ v)


def best_of_first_k(values: ArrayLike, k: ArrayLike, mode: Mode = "max") -> np.ndarray:
    """Expected best of the first k trials of a search in random order, without replacement.

    E[max] = Σᵢ v₍ᵢ₎ C(i − 1, k − 1) / C(n, k), v₍₁₎ ≤ … ≤ v₍ₙ₎ (David and Nagaraja 2003), the mean
    over all reshufflings; it reaches the best at k = N, which `best_of_k`, the estimate for a new
    search, does not. Arguments and errors as there, k <= N.
    """
    v, sign = _ranked(values, mode)
    count = np.asarray(k)
    if (count < 1).any() or (count > v.size).any():
        raise ValueError(f"the best of the first k of {v.size} trials needs 1 <= k <= {v.size}")
    size = count[..., None]
    rank = np.arange(1, v.size + 1)
    # log C(i - 1, k - 1): gammaln is infinite where k > i, and the weight 0
    chosen = special.gammaln(rank) - special.gammaln(size) - special.gammaln(rank - size + 1)
    every = special.gammaln([v.size + 1]) - special.gammaln(size + 1)
    every = every - special.gammaln(v.size - size + 1)
    weights = np.where(rank >= size, np.exp(chosen - every), 0.0)
    return sign * (weights @ v)


def performance_profile(scores: ArrayLike, thresholds: ArrayLike) -> np.ndarray:
    """Share of runs whose score is above each threshold τ (Agarwal et al. 2021, eq. 2).

    scores of any shape (runs, or runs × tasks), thresholds [T]; returns [T] in 0 … 1. A nan score
    is above no threshold.
    """
    x = _sample(np.ravel(np.asarray(scores, np.float64)))
    return (x > np.asarray(thresholds, np.float64)[:, None]).mean(axis=1)


def _ranked(values: ArrayLike, mode: Mode) -> tuple[np.ndarray, float]:
    """The finite values in rising order of merit, and the sign that gives them back."""
    if mode not in ("max", "min"):
        raise ValueError(f"mode is 'max' or 'min', not {mode!r}")
    sign = 1.0 if mode == "max" else -1.0
    v = np.sort(sign * _sample(values))
    if not np.isfinite(v).all():
        raise ValueError("the best of k needs finite values: give the diverged the level of chance")
    return v, sign
