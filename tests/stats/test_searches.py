"""Sensitivity, borders and inclusions by hand."""

import math

import numpy as np
import pytest

from jaxdl import stats

LOSS, ACCURACY = stats.kind("validation_loss"), stats.kind("validation_accuracy")


def test_the_width_is_interpolated_in_the_logarithm_of_the_rate():
    # 1.01 is reached a tenth of a decade below 0.1 (1.1 at 0.01), a fifth above it (1.05 at 1)
    rates, losses = [1.0, 0.1, 0.01, 10.0], [1.05, 1.0, 1.1, 7.0]
    found = stats.rate_sensitivity(rates, losses, LOSS)
    np.testing.assert_allclose(found[:3], (0.3, 10**-1.1, 10**-0.8))
    assert not found.at_end


def test_shares_are_judged_by_points_and_the_edge_is_in():
    # 0.49 is half a decade from 0.50; one percent of 0.5 would be half of that
    found = stats.rate_sensitivity([0.01, 0.1, 1.0, 10.0], [0.3, 0.5, 0.48, 0.0], ACCURACY)
    np.testing.assert_allclose(found.decades, 0.05 + 0.5)
    edge = stats.rate_sensitivity([0.1, 1.0], [0.99, 0.98], ACCURACY)
    np.testing.assert_allclose(edge[:3], (1.0, 0.1, 1.0))
    assert edge.at_end


def test_a_v_in_the_logarithm_has_the_width_of_its_formula():
    # loss 2 + s |log10 rate - log10 0.03|: 2 · 0.02 / s decades, on any grid that has its tip
    rates = 0.03 * np.logspace(-2, 2, 41)
    for slope in (0.03, 0.1, 1.0):
        losses = 2 + slope * np.abs(np.log10(rates / 0.03))
        found = stats.rate_sensitivity(rates, losses, LOSS)
        assert found.decades == pytest.approx(0.04 / slope, rel=1e-9)


def test_pieces_are_added_and_diverged_rates_end_the_region():
    found = stats.rate_sensitivity(
        [0.01, 0.1, 1.0, 10.0, 100.0], [0.9, 0.4, 0.9, math.nan, 0.9], ACCURACY
    )
    np.testing.assert_allclose(found.decades, 2 * 0.02, rtol=1e-9)
    np.testing.assert_allclose((found.low, found.high), (0.01, 100.0))
    flat = stats.rate_sensitivity([0.1, 1.0, 10.0], [0.0, 0.0, math.inf], LOSS)
    assert flat.decades == 1.0
    assert stats.rate_sensitivity([0.1], [0.9], ACCURACY)[:3] == (0.0, 0.1, 0.1)


@pytest.mark.parametrize(
    ("rates", "values", "message"),
    [
        ([], [], "one or more"),
        ([0.1, 0.1], [1.0, 2.0], "all different"),
        ([0.0, 0.1], [1.0, 2.0], "above 0"),
        ([0.1], [1.0, 2.0], "one value"),
        ([0.1, 1.0], [math.nan, math.inf], "no rate"),
    ],
)
def test_sensitivity_refuses(rates, values, message):
    with pytest.raises(ValueError, match=message):
        stats.rate_sensitivity(rates, values, LOSS)


def test_the_border_warning_names_each_dimension():
    tried = {"learning_rate": [0.001, 1.0, 0.1], "momentum": (0.0, 0.99), "decay": [0.0]}
    best = {"learning_rate": 0.1, "momentum": 0.9, "decay": 0.0}
    assert stats.border_warning(best, tried) is None
    assert stats.border_warning(best | {"learning_rate": 1.0, "momentum": 0.0}, tried) == (
        "the best lies on the border of the search: learning_rate=1 is the largest tried "
        "(0.001 … 1); momentum=0 is the smallest tried (0 … 0.99)"
    )
    with pytest.raises(ValueError, match="what was tried of 'beta'"):
        stats.border_warning({"beta": 0.9}, tried)
    with pytest.raises(ValueError, match="'learning_rate' is NaN"):
        stats.border_warning({"learning_rate": math.nan}, tried)


SCORES = {
    "adam": [0.90, 0.91, 0.92, 0.93, 0.94],
    "momentum": [0.95, 0.97, 0.96, 0.98, 0.99],
    "sgd": [0.91, 0.90, 0.93, 0.92, 0.94],
}
CHAIN = ("adam", "momentum", "sgd")


def test_an_included_method_that_wins_means_a_search_that_is_too_narrow():
    # differences 5 6 4 5 5 points: mean 5, s = 0.7071, 2.776445 s / √5 = 0.878
    assert stats.inclusion_warning(SCORES, CHAIN, ACCURACY) == (
        "the search space is too narrow: momentum beats adam, which includes it, by "
        "0.05 (0.0412 … 0.0588)"
    )
    losses = {name: 1 - np.array(values) for name, values in SCORES.items()}
    assert stats.inclusion_warning(losses, CHAIN, LOSS) == stats.inclusion_warning(
        SCORES, CHAIN, ACCURACY
    )
    assert stats.inclusion_warning(SCORES, ("momentum", "adam"), ACCURACY) is None
    assert stats.inclusion_warning(SCORES, ("adam", "sgd"), ACCURACY) is None


def test_all_pairs_of_the_chain_are_compared():
    scores = {"c": SCORES["adam"], "b": SCORES["sgd"], "a": SCORES["momentum"]}
    found = stats.inclusion_warning(scores, ("c", "b", "a"), ACCURACY)
    assert found is not None
    assert found.count("which includes it") == 2


def test_inclusion_refuses():
    with pytest.raises(ValueError, match="single seed of 'adam'"):
        stats.inclusion_warning({"adam": [0.9], "sgd": [0.8]}, ("adam", "sgd"), ACCURACY)
    with pytest.raises(ValueError, match="'sgd' is NaN"):
        stats.inclusion_warning(
            {"adam": [0.9, 0.8], "sgd": [0.8, math.nan]}, ("adam", "sgd"), ACCURACY
        )
    with pytest.raises(ValueError, match="no scores of 'lion'"):
        stats.inclusion_warning(SCORES, ("lion", "sgd"), ACCURACY)
    with pytest.raises(ValueError, match="two methods"):
        stats.inclusion_warning(SCORES, ("sgd",), ACCURACY)
    with pytest.raises(ValueError, match="same seeds"):
        stats.inclusion_warning({"adam": [0.9, 0.8], "sgd": [0.8] * 3}, ("adam", "sgd"), ACCURACY)
