"""How many seeds a difference needs (Cohen 1988)."""

import math

from scipy import special

from jaxdl.stats.intervals import _check_confidence


def seeds_needed(
    difference: float, deviation: float, *, power: float = 0.8, confidence: float = 0.95
) -> int:
    """Fewest seeds with which a paired comparison finds a true difference with that probability.

    The two-sided paired t test of n seeds rejects with 1 − F(t; n − 1, δ) + F(−t; n − 1, δ), F
    being the noncentral t distribution with δ = √n · difference / deviation, t Student's quantile.

    difference: between the two means; deviation: standard deviation of the differences seed by
    seed, of a pilot, both in one unit. ValueError for a difference of zero and for a deviation that
    is not above 0.
    """
    _check_confidence(confidence)
    if not 0 < power < 1:
        raise ValueError(f"a power lies between 0 and 1, got {power}")
    if not (math.isfinite(difference) and difference != 0):
        raise ValueError(f"a difference to be found is finite and not zero, got {difference}")
    if not (math.isfinite(deviation) and deviation > 0):
        raise ValueError(f"the deviation of paired differences is above 0, got {deviation}")
    effect = abs(difference) / deviation
    level = (1 + confidence) / 2
    # with a known deviation, which fewer seeds never beat
    normal = special.ndtri(level) + special.ndtri(power)
    seeds = max(2, math.ceil((normal / effect) ** 2)) if normal > 0 else 2
    while _power(seeds, effect, level) < power:
        seeds += 1
    return seeds


def _power(seeds: int, effect: float, level: float) -> float:
    """Probability that the paired t test rejects."""
    quantile, shift = special.stdtrit(seeds - 1, level), math.sqrt(seeds) * effect
    above = 1 - special.nctdtr(seeds - 1, shift, quantile)
    return float(above + special.nctdtr(seeds - 1, shift, -quantile))
