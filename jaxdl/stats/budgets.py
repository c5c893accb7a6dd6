"""What a search reaches within a budget, and the share of runs above a score."""

import numpy as np
from numpy.typing import ArrayLike

from jaxdl.stats.intervals import _sample
from jaxdl.stats.kinds import Mode


def best_of_k(values: ArrayLike, k: ArrayLike, mode: Mode = "max") -> np.ndarray:
    """Expected best of k trials drawn at random, with replacement (Dodge et al. 2019, eq. 7).

    E[V*ₖ] = Σᵢ v₍ᵢ₎ · ((i/n)ᵏ − ((i−1)/n)ᵏ), v₍₁₎ ≤ … ≤ v₍ₙ₎ for a metric to be maximised.
    values [N] of all trials of a search, k integers >= 1 of any shape: the result has k's shape.
    ValueError for a value that is not finite: a diverged trial has spent its budget too, give it
    what guessing would have reached.
    """
    if mode not in ("max", "min"):
        raise ValueError(f"mode is 'max' or 'min', not {mode!r}")
    sign = 1.0 if mode == "max" else -1.0
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
