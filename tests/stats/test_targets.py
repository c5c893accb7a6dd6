"""Times to targets by hand, AlgoPerf's score by sums over the steps of the profile."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from jaxdl import stats

INF = math.inf


def test_time_to_target_is_the_first_time_whatever_comes_later():
    steps, loss, accuracy = [10, 20, 30], stats.kind("loss"), stats.kind("accuracy")
    curves = [[3.0, 1.0, 2.0], [1.0, 0.5, 0.1], [3.0, 2.5, 2.0], [math.nan] * 3]
    assert stats.time_to_target(steps, curves, 1.0, loss).tolist() == [20, 10, INF, INF]
    assert stats.time_to_target(steps, [0.2, 0.5, 0.4], 0.5, accuracy) == 20
    with pytest.raises(ValueError, match=r"curve \[..., T\]"):
        stats.time_to_target(steps, [1.0, 2.0], 1.0, loss)
    with pytest.raises(ValueError, match="must rise"):
        stats.time_to_target([1, 1], [1.0, 2.0], 1.0, loss)
    with pytest.raises(ValueError, match="target"):
        stats.time_to_target(steps, [1.0, 2.0, 3.0], math.nan, loss)


def test_a_share_of_float32_is_at_a_target_that_it_is_equal_to():
    # 342 of 360 are 0.95, whose float32 is less than 0.95.
    curve = np.array([0.5, 342 / 360, 1.0], np.float32)
    assert stats.time_to_target([1, 2, 3], curve, 0.95, stats.SHARE) == 2
    assert stats.time_to_target([1, 2, 3], curve, 0.9500001, stats.SHARE) == 3
    loss = np.array([0.5, 0.1], np.float32)
    assert stats.time_to_target([1, 2], loss, 0.1, stats.kind("loss")) == 2


def test_median_over_studies_of_the_best_trial():
    studies = [[5.0, INF, 3.0], [INF, INF, INF], [9.0, 8.0, INF]]
    assert stats.median_of_best(studies) == 8.0
    assert stats.median_of_best([studies, studies[::-1]]).tolist() == [8.0, 8.0]
    assert stats.median_of_best([[INF, 1.0], [INF, INF], [INF, INF]]) == INF
    with pytest.raises(ValueError, match="studies × trials"):
        stats.median_of_best([1.0, 2.0])
    with pytest.raises(ValueError, match="never NaN"):
        stats.median_of_best([[1.0, math.nan]])


# ratios: 1 2 inf; 3 1 1; inf inf inf; 1 5 4
TIMES = np.array([[10.0, 20, INF], [6, 2, 2], [INF, INF, INF], [1, 5, 4]])


def test_profile_by_hand():
    np.testing.assert_array_equal(stats.time_ratios(TIMES)[:2], [[1, 2, INF], [3, 1, 1]])
    profile = stats.time_profile(TIMES, [1, 2, 3, 4, 1e9])
    expected = [[2, 1, 1], [2, 2, 1], [3, 2, 1], [3, 2, 2], [3, 3, 2]]
    np.testing.assert_array_equal(profile, np.array(expected) / 4)
    missed = stats.time_profile([[1, np.inf], [np.inf, np.inf]], [1, np.inf])
    np.testing.assert_array_equal(missed, [[0.5, 0], [0.5, 0]])


def test_algoperf_score_is_the_integral_of_the_profile():
    # 2/4 on 1 … 3 and 3/4 on 3 … 4; 1/4 on 1 … 2 and 2/4 on 2 … 4; 1/4 on 1 … 4
    np.testing.assert_allclose(stats.algoperf_score(TIMES), [1.75 / 3, 1.25 / 3, 0.25], rtol=1e-15)
    times = np.random.default_rng(0).integers(1, 9, size=(6, 3)).astype(float)
    for method, score in enumerate(stats.algoperf_score(times)):
        ratios = [Fraction(int(row[method]), int(row.min())) for row in times]
        edges = sorted({Fraction(1), Fraction(4), *(r for r in ratios if 1 < r < 4)})
        steps = itertools.pairwise(edges)
        area = sum((b - a) * Fraction(sum(r <= a for r in ratios), 6) for a, b in steps)
        assert score == pytest.approx(float(area / 3), rel=1e-14)


@pytest.mark.parametrize("bad", [[[0.0, 1.0]], [[-1.0, 1.0]], [[math.nan, 1.0]], [1.0, 2.0], []])
def test_times_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="times"):
        stats.algoperf_score(bad)


def test_speedup_is_a_geometric_mean():
    ours = stats.speedup_interval([1.0, 2.0, 4.0], [2.0, 2.0, 32.0])
    # logarithms to base 2: 1, 0, 3
    half = 4.302653 * np.std([1, 0, 3], ddof=1) / math.sqrt(3)
    np.testing.assert_allclose(np.log2(ours[:3]), [4 / 3, 4 / 3 - half, 4 / 3 + half], rtol=1e-6)
    back = stats.speedup_interval([2.0, 2.0, 32.0], [1.0, 2.0, 4.0])
    np.testing.assert_allclose(back[:3], (1 / ours.mean, 1 / ours.high, 1 / ours.low))


def test_a_miss_has_no_speedup_and_says_so():
    ours = stats.speedup_interval([1.0, INF, 3.0], [INF, INF, 3.0])
    assert np.isnan(ours[:3]).all()
    assert ours.method == "no speed-up: 2 of 3 workloads have no time to the target"
    assert np.isnan(stats.speedup_interval([1.0], [2.0])[1:3]).all()
    with pytest.raises(ValueError, match="above 0"):
        stats.speedup_interval([0.0, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="same workloads"):
        stats.speedup_interval([1.0], [1.0, 1.0])
