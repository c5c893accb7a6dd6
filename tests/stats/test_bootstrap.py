"""Bootstrap intervals over workloads: the closed form, their coverage, and what they refuse."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from jaxdl import stats


def grand_mean(scores):
    return scores.mean(axis=(-2, -1))


def sorted_iqm(scores):
    """The middle half by sorting, which is fast for many small studies."""
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = flat.shape[-1] // 4
    return flat[..., cut : flat.shape[-1] - cut].mean(axis=-1)


def test_the_mean_of_one_workload_has_students_interval():
    values = [0.91, 0.95, 0.90, 0.97, 0.93]
    ours = stats.bootstrap_interval(values, grand_mean, resamples=100_000)
    np.testing.assert_allclose(ours[:3], stats.mean_interval(values)[:3], rtol=1e-3)
    assert ours.method == "bootstrap t over 1 workloads, 95 %"


def test_the_mean_over_workloads_has_welchs_interval():
    # as Welch's t test of two samples: half of their sum, Satterthwaite's degrees of freedom
    first, second = [1.0, 2.0, 4.0, 5.0, 9.0], [3.0, 1.0, 2.0, 6.0, 4.0]
    test = scipy_stats.ttest_ind(first, np.negative(second), equal_var=False)
    bounds = test.confidence_interval(0.95)
    ours = stats.bootstrap_interval([first, second], grand_mean, resamples=100_000)
    assert ours.mean == pytest.approx(3.7)
    np.testing.assert_allclose(ours[1:3], (bounds.low / 2, bounds.high / 2), rtol=3e-3)


def test_the_default_is_the_interquartile_mean_of_all_values():
    values = np.random.default_rng(0).normal(size=(4, 5))
    ours = stats.bootstrap_interval(values)
    assert ours.mean == pytest.approx(scipy_stats.trim_mean(values.ravel(), 0.25))
    assert ours == stats.bootstrap_interval(values)
    np.testing.assert_allclose(
        stats.pooled_iqm(np.stack([values, -values])), [ours.mean, -ours.mean]
    )
    np.testing.assert_allclose(ours[:3], stats.bootstrap_interval(values, sorted_iqm)[:3])


@pytest.mark.parametrize("aggregate", [grand_mean, sorted_iqm])
def test_coverage_over_workloads_of_different_spread(aggregate):
    rng = np.random.default_rng(1)
    center, spread = np.linspace(0, 3, 4)[:, None], np.array([0.3, 1.0, 0.5, 2.0])[:, None]
    truth = aggregate(center + spread * rng.normal(size=(4, 200_000)))
    found = [
        stats.bootstrap_interval(study, aggregate, resamples=200)
        for study in center + spread * rng.normal(size=(2000, 4, 5))
    ]
    assert abs(np.mean([x.low <= truth <= x.high for x in found]) - 0.95) < 0.02


def test_few_seeds_are_marked_and_equal_ones_have_no_bounds():
    assert "(3 seeds: coverage not assured)" in stats.bootstrap_interval([1.0, 2.0, 3.0]).method
    ours = stats.bootstrap_interval(np.full((3, 5), 0.25))
    assert ours.mean == 0.25
    assert math.isnan(ours.low)
    assert "no bounds" in ours.method


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "workloads × seeds"),
        ([[0.1], [0.2]], "single seed"),
        ([[0.1, 0.2], [0.3]], "same number of seeds"),
        ([0.1, math.nan], "NaN"),
        ([0.1, math.inf], "finite"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        stats.bootstrap_interval(values)


def test_an_aggregate_that_mixes_the_resamples_is_refused():
    with pytest.raises(ValueError, match=r"maps \[\.\.\., W, N\] to \[\.\.\.\]"):
        stats.bootstrap_interval([1.0, 2.0], np.mean)
