"""Budgets and profiles, by enumeration."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from jaxdl import stats


@pytest.mark.parametrize(("mode", "best"), [("max", max), ("min", min)])
def test_best_of_k_is_the_mean_over_all_draws(mode, best):
    values = [0.3, 0.9, 0.5, 0.5]
    for k in (1, 2, 3):
        draws = [best(draw) for draw in itertools.product(values, repeat=k)]
        np.testing.assert_allclose(stats.best_of_k(values, k, mode), np.mean(draws), rtol=1e-12)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_best_of_k_grows_from_the_mean_to_the_maximum(values):
    curve = stats.best_of_k(values, [1, 2, 5, 10, 100_000])
    assert curve.shape == (5,)
    assert (np.diff(curve) >= -1e-9).all()
    np.testing.assert_allclose(curve[0], np.mean(values), atol=1e-9)
    np.testing.assert_allclose(curve[-1], max(values), atol=1e-9)


def test_best_of_k_refuses_diverged_trials_and_no_draws():
    with pytest.raises(ValueError, match="level of chance"):
        stats.best_of_k([0.5, math.nan], 2)
    with pytest.raises(ValueError, match="k >= 1"):
        stats.best_of_k([0.5], 0)
    with pytest.raises(ValueError, match="mode"):
        stats.best_of_k([0.5], 1, "best")  # type: ignore[arg-type]


@pytest.mark.parametrize(("mode", "best"), [("max", max), ("min", min)])
def test_best_of_first_k_is_the_mean_over_all_reshufflings(mode, best):
    values = [0.3, 0.9, 0.5, 0.5, 0.1]
    ours = stats.best_of_first_k(values, [1, 2, 3, 4, 5], mode)
    orders = list(itertools.permutations(values))
    expected = [np.mean([best(order[:k]) for order in orders]) for k in range(1, 6)]
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_best_of_first_k_agrees_with_reshuffled_searches_of_a_hundred_trials():
    rng = np.random.default_rng(0)
    values = rng.normal(size=100)
    orders = rng.permuted(np.tile(values, (4000, 1)), axis=1)
    ours = stats.best_of_first_k(values, np.arange(1, 101))
    error = np.maximum.accumulate(orders, axis=1).mean(axis=0) - ours
    assert np.abs(error).max() < 4 / math.sqrt(4000)
    assert ours[0] == pytest.approx(values.mean())
    assert ours[-1] == pytest.approx(values.max())
    assert (np.diff(ours) > 0).all()
    # of a new search with the same distribution: fewer different trials, so never better
    assert (ours >= stats.best_of_k(values, np.arange(1, 101)) - 1e-9).all()


def test_best_of_first_k_refuses_more_trials_than_there_were():
    with pytest.raises(ValueError, match="1 <= k <= 2"):
        stats.best_of_first_k([0.5, 0.6], 3)
    with pytest.raises(ValueError, match="level of chance"):
        stats.best_of_first_k([0.5, math.inf], 1)


def test_performance_profile_by_hand():
    scores = [[0.1, 0.5], [0.9, math.nan]]
    np.testing.assert_array_equal(
        stats.performance_profile(scores, [0.0, 0.1, 0.5, 0.9]), [0.75, 0.5, 0.25, 0.0]
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_performance_profile_is_one_minus_the_empirical_distribution(scores):
    thresholds = np.linspace(-0.1, 1.1, 13)
    cdf = scipy_stats.ecdf(scores).cdf.evaluate(thresholds)
    np.testing.assert_allclose(stats.performance_profile(scores, thresholds), 1 - cdf, atol=1e-12)
