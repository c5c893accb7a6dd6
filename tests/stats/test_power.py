"""Numbers of seeds against published ones and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from jaxdl import stats


@pytest.mark.parametrize(("effect", "seeds"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_published_numbers_of_the_paired_t_test(effect, seeds):
    # R: pwr.t.test(d, power=0.8, type="paired"), 198.15, 33.37, 14.30; statsmodels' TTestPower too
    assert stats.seeds_needed(effect, 1.0) == seeds
    assert stats.seeds_needed(-3 * effect, 3.0) == seeds


@pytest.mark.parametrize("effect", [0.6, 1.5])
def test_one_seed_less_is_not_enough(effect):
    needed = stats.seeds_needed(effect, 1.0)
    draws = effect + np.random.default_rng(0).normal(size=(50_000, needed))
    found = [np.mean(scipy_stats.ttest_1samp(draws[:, :n], 0, axis=1).pvalue < 0.05)
             for n in (needed, needed - 1)]  # fmt: skip
    assert found[0] > 0.795
    assert found[1] < 0.805


def test_extreme_differences_and_other_levels():
    assert stats.seeds_needed(100.0, 1.0) == 2
    # a normal quantile: (1.959964 + 0.841621)² · 10⁶ = 7,848,880, the t test two more
    assert stats.seeds_needed(0.001, 1.0) == pytest.approx(7_848_882, abs=3)
    assert stats.seeds_needed(0.5, 1.0, power=0.9) == 44
    assert stats.seeds_needed(0.5, 1.0, confidence=0.99) == 51


def test_what_is_refused():
    for arguments, message in (
        ((0.0, 1.0), "not zero"),
        ((math.nan, 1.0), "not zero"),
        ((1.0, 0.0), "above 0"),
        ((1.0, math.nan), "above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            stats.seeds_needed(*arguments)
    with pytest.raises(ValueError, match="power"):
        stats.seeds_needed(1.0, 1.0, power=1.0)
