"""P(X > Y) against scipy, by hand and in simulated studies."""

import math

import numpy as np
import pytest
from scipy import special
from scipy import stats as scipy_stats

from jaxdl import stats

FIRST, SECOND = [0.9, 0.7, 0.8, 0.8, 0.95], [0.6, 0.8, 0.75, 0.85]


def test_the_estimate_is_the_mean_of_the_mann_whitney_statistics():
    p = scipy_stats.mannwhitneyu(FIRST, SECOND).statistic / 20
    assert stats.probability_of_improvement(FIRST, SECOND).mean == pytest.approx(p)
    both = stats.probability_of_improvement([FIRST, [3.0] * 5], [SECOND, [1.0, 2.0, 4.0, 5.0]])
    assert both.mean == pytest.approx((p + 0.5) / 2)


def test_the_bounds_solve_newcombes_equation():
    ours = stats.probability_of_improvement(FIRST, SECOND)
    k = 3.5  # half of 5 + 4, less one
    for bound in ours[1:3]:
        ratio = (1 + k * ((1 - bound) / (2 - bound) + bound / (1 + bound))) / 20
        assert abs(ours.mean - bound) == pytest.approx(
            1.959964 * math.sqrt(bound * (1 - bound) * ratio), rel=1e-6
        )


def test_samples_without_overlap_keep_a_width_and_misses_are_ranked():
    # (1 - θ)² = z² θ (1 - θ) r(θ) at θ = 0.641 where N = M = 5
    ours = stats.probability_of_improvement([1.0, 2, 3, 4, 5], [math.inf] * 5, "min")
    assert ours.mean == ours.high == 1.0
    theta = ours.low
    ratio = (1 + 4 * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / 25
    assert 1 - theta == pytest.approx(1.959964**2 * theta * ratio, rel=1e-6)


def test_exchanging_the_two_or_the_mode_mirrors_the_interval():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 5)), rng.normal(1.0, size=(3, 7))
    ours, other = (stats.probability_of_improvement(*pair) for pair in ((x, y), (y, x)))
    np.testing.assert_allclose(ours[:3], (1 - other.mean, 1 - other.high, 1 - other.low))
    assert stats.probability_of_improvement(x, y, "min")[:3] == pytest.approx(other[:3])


@pytest.mark.parametrize(("workloads", "effect"), [(1, 0.0), (1, 1.0), (8, 0.0), (8, 1.0)])
def test_coverage(workloads, effect):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2000, workloads, 5))
    truth = special.ndtr(effect / math.sqrt(2))
    found = [stats.probability_of_improvement(a + effect, b) for a, b in zip(x, y, strict=True)]
    assert abs(np.mean([z.low <= truth <= z.high for z in found]) - 0.95) < 0.02


def test_what_is_refused_and_marked():
    assert (
        "(3 seeds: coverage not assured)"
        in stats.probability_of_improvement([1.0, 2, 3], [1.0, 2, 3]).method
    )
    with pytest.raises(ValueError, match="single seed"):
        stats.probability_of_improvement([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="NaN"):
        stats.probability_of_improvement([1.0, math.nan], [1.0, 2.0])
    with pytest.raises(ValueError, match="same workloads: got 1 and 2"):
        stats.probability_of_improvement([1.0, 2.0], [[1.0, 2.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match="mode"):
        stats.probability_of_improvement([1.0, 2.0], [1.0, 2.0], "low")  # type: ignore[arg-type]
