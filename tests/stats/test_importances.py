"""Shares of the variance of functions whose variance is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import qmc

from jaxdl import stats

POINTS = pd.DataFrame(qmc.Halton(3, rng=0).random(150), columns=["x1", "x2", "idle"])


@pytest.fixture(params=[stats.permutation, stats.fanova], ids=["permutation", "fanova"])
def measure(request):
    return request.param


def test_a_sum_is_divided_by_the_squares_of_its_factors(measure):
    """Var(x₁ + 2 x₂) = (1 + 4) / 12."""
    found = stats.importance(POINTS, POINTS["x1"] + 2 * POINTS["x2"], measure=measure)
    assert found.shares.shape == (8, 3)
    np.testing.assert_allclose(found.shares.mean(), [0.2, 0.8, 0.0], atol=0.05)
    assert found.measure == measure.__name__
    assert found.shares["x1"].nunique() == 8  # refits differ


def test_the_same_points_have_the_same_shares(measure):
    few = POINTS[:20]
    first, again = (stats.importance(few, few["x1"], measure=measure).shares for _ in range(2))
    pd.testing.assert_frame_equal(again, first)


def test_what_two_explain_together_is_of_none_alone_and_of_both_with_others():
    """(2 x₁ − 1)(2 x₂ − 1): alone each explains nothing, together all."""
    values = (2 * POINTS["x1"] - 1) * (2 * POINTS["x2"] - 1)
    both = stats.importance(POINTS, values, measure=stats.permutation).shares.mean()
    assert both["x1"] > 0.7
    assert both["x2"] > 0.7
    alone = stats.importance(POINTS, values, measure=stats.fanova).shares.mean()
    assert alone.max() < 0.2


def test_categories_have_no_order(measure):
    """f = 1 for the second of three names: variance 2/9, beside that of x₁ / 2, 1/48."""
    names = np.array(["a", "b", "c"])[(3 * POINTS["x2"]).astype(int)]
    points = POINTS.assign(x2=names)
    values = 1.0 * (names == "b") + POINTS["x1"] / 2
    found = stats.importance(points, values, ["x2"], measure=measure)
    np.testing.assert_allclose(found.shares.mean(), [0.0857, 0.914, 0.0], atol=0.04)


def test_among_the_best_it_is_what_keeps_them_apart():
    values = 100.0 * (POINTS["x1"] > 0.5) + (POINTS["x2"] - 0.1) ** 2
    found = stats.importance(POINTS, values, measure=stats.ped_anova).shares.mean()
    assert found.sum() == pytest.approx(1)
    assert found["x2"] > found["x1"] > found["idle"]


def test_equal_values_have_no_shares(measure):
    assert stats.importance(POINTS, np.ones(150), measure=measure).shares.isna().all(axis=None)


def test_the_measure_follows_what_is_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert stats.importance(POINTS[:20], POINTS["x1"][:20]).measure == "permutation"


@pytest.mark.parametrize("values", [[1.0] * 149, [np.nan] * 150])
def test_what_has_no_variance_is_refused(values):
    with pytest.raises(ValueError, match="a finite value for each"):
        stats.importance(POINTS, values)
