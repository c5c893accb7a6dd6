"""What an interval says of a claim, and many comparisons at once."""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from jaxdl.stats.intervals import Interval, _difference, _equal, _paired

Direction = Literal["above", "below"]
"""On which side of its threshold a claim says that a quantity is."""
Verdict = Literal["holds", "fails", "inconclusive"]
"""What `verdict` returns."""


def verdict(interval: Interval, threshold: float, direction: Direction) -> Verdict:
    """What the interval says of the claim "the quantity is above (below) the threshold".

    *holds*: wholly beyond the threshold; *fails*: wholly on the other side; *inconclusive*: across
    it, touching it, with nan bounds, or with fewer values than the interval needs. ValueError for
    another direction or a nan threshold.
    """
    if direction not in ("above", "below"):
        raise ValueError(f"direction is 'above' or 'below', not {direction!r}")
    if math.isnan(threshold):
        raise ValueError("a threshold is a number, fixed before the run")
    if interval.n < interval.needs:
        return "inconclusive"
    above, below = interval.low > threshold, interval.high < threshold
    if direction == "below":
        above, below = below, above
    return "holds" if above else "fails" if below else "inconclusive"


def paired_p(values: ArrayLike, baseline: ArrayLike) -> float:
    """Two-sided p of Student's paired t test that the mean difference is zero.

    Both [N] in the same order of seeds. 1 where nothing can be told: one seed, equal differences,
    a value that is not finite. ValueError when the lengths differ.
    """
    x, y = _paired(values, baseline)
    difference = _difference(x, y)
    if not np.isfinite(difference).all() or _equal(difference, float(np.abs([x, y]).max())):
        return 1.0
    t = difference.mean() / (difference.std(ddof=1) / math.sqrt(x.size))
    return float(2 * special.stdtr(x.size - 1, -abs(t)))


def holm(p: ArrayLike) -> np.ndarray:
    """Adjusted p values of many tests (Holm 1979), in the order given.

    Rejecting where they are below α makes an error in any of the tests with probability at most α.
    p [K] of 0 … 1.
    """
    raw = np.asarray(p, np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
