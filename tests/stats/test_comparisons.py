"""Verdicts by hand, Holm's correction and the paired test against references."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from jaxdl import stats


def interval(low, high):
    return stats.Interval((low + high) / 2, low, high, 5, "given")


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (0.6, 0.7, "holds", "fails"),
        (0.3, 0.4, "fails", "holds"),
        (0.4, 0.6, "inconclusive", "inconclusive"),
        (0.5, 0.6, "inconclusive", "inconclusive"),
        (0.4, 0.5, "inconclusive", "inconclusive"),
        (math.nan, math.nan, "inconclusive", "inconclusive"),
    ],
)
def test_verdict(low, high, above, below):
    assert stats.verdict(interval(low, high), 0.5, "above") == above
    assert stats.verdict(interval(low, high), 0.5, "below") == below


def test_verdict_refuses_another_direction_and_no_threshold():
    with pytest.raises(ValueError, match="direction"):
        stats.verdict(interval(0, 1), 0.5, "beside")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threshold"):
        stats.verdict(interval(0, 1), math.nan, "above")


def test_two_values_are_fewer_than_a_claim_about_a_mean_needs():
    # 99.19 % and 99.15 % on MNIST, and two seeds far beyond any threshold
    for values in ([0.9919, 0.9915], [0.991, 0.9911]):
        for scale in ("real", "share", "positive"):
            found = stats.mean_interval(values, scale)
            assert stats.verdict(found, 0.1, "above") == "inconclusive"
            assert found.low < np.mean(values) < found.high
    assert stats.verdict(stats.mean_interval([0.99, 0.991, 0.992]), 0.1, "above") == "holds"


def test_holm_by_hand():
    # sorted .01 .02 .03 .04, times 4 3 2 1: .04 .06 .06 .04, never falling: .04 .06 .06 .06
    np.testing.assert_allclose(stats.holm([0.02, 0.04, 0.01, 0.03]), [0.06, 0.06, 0.04, 0.06])
    np.testing.assert_allclose(stats.holm([0.5, 0.9]), [1.0, 1.0])
    assert stats.holm([]).shape == (0,)


def test_paired_p_is_scipys():
    values, baseline = [0.91, 0.95, 0.90, 0.97], [0.90, 0.96, 0.88, 0.93]
    expected = scipy_stats.ttest_rel(values, baseline).pvalue
    assert stats.paired_p(values, baseline) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("values", "baseline"),
    [([0.9], [0.1]), ([0.9, 0.8], [0.9, 0.8]), ([0.9, 0.8], [0.8, 0.7]), ([0.9, math.nan], [0, 1])],
)
def test_paired_p_tells_nothing_apart_by_one_seed_or_by_equal_differences(values, baseline):
    assert stats.paired_p(values, baseline) == 1.0
