"""Numbers over all workloads, against cases solved by hand."""

import numpy as np
import pytest
from support.compared import made_up

from jaxdl import stats
from jaxdl.comparison import overall

TWO = ("digits_mlp", "digits_cnn")
NAN = float("nan")


def test_the_gain_over_workloads_is_the_interquartile_mean_of_the_paired_gains():
    mine, base = [0.90, 0.80, 0.70, 0.95, 0.85], [0.88, 0.79, 0.67, 0.91, 0.80]
    found = made_up(on=TWO, mine=mine, base=base)
    gain = overall.mean_gain(found, "base", "share")
    # Of 2, 1, 3, 4, 5 points, twice each, the two lowest and the two highest are left out.
    assert gain.mean == pytest.approx(0.03)
    assert gain.low < 0.03 < gain.high
    assert gain.n == 5
    assert overall.mean_gain(found, "base", "positive") is None


def test_ratios_are_above_one_where_the_candidate_is_better():
    mine, base = [0.1, 0.2, 0.15, 0.12, 0.3], [0.2, 0.4, 0.3, 0.24, 0.6]
    found = made_up("loss", ("digits_autoencoder",), mine=mine, base=[1.1 * x for x in base])
    assert overall.mean_gain(found, "base", "positive").mean == pytest.approx(2.2)


def test_a_pair_that_diverged_is_counted_not_left_out():
    found = made_up(mine=[0.9, NAN, 0.9], base=[0.5, 0.5, 0.5])
    gain = overall.mean_gain(found, "base", "share")
    assert np.isnan(gain.mean)
    assert gain.method == "1 of 3 pairs diverged or raised"
    assert overall.improvement(found, "base").mean == pytest.approx(2 / 3)
    assert overall.improvement(made_up(a=[NAN] * 3, b=[NAN] * 3), "b").mean == 0.5


def test_victories_are_means_over_the_others():
    found = made_up(a=[0.9, 0.8], b=[0.7, 0.8], c=[NAN, NAN])
    (row,) = overall.victories(found).to_dict("records")
    # Of four pairs a wins three and ties one against b, and wins all against c.
    assert row == pytest.approx({"a": (3.5 / 4 + 1) / 2, "b": (0.5 / 4 + 1) / 2, "c": 0})


def test_speed_ups_are_geometric_means_over_workloads():
    found = made_up(on=TWO, times={"a": [100, 50], "b": [200, 400]}, a=[0.5] * 3, b=[0.5] * 3)
    times = found.times_of_workloads()
    assert overall.speed_up(found, "b", times).mean == pytest.approx(4)
    missed = overall.speed_up(found, "b", times.replace(50, np.inf))
    assert missed.method.startswith("no speed-up: 1 of 2")


def test_seeds_to_tell_are_those_of_the_difference_seen_and_only_of_ties():
    rng = np.random.default_rng(0)
    base = 0.8 + 0.02 * rng.standard_normal(10)
    tied = base + 0.002 + 0.01 * rng.standard_normal(10)
    found = made_up(tied=tied, base=base, won=base + 0.1)
    (workload,) = found.study.workloads
    difference = tied - base
    expected = stats.seeds_needed(difference.mean(), difference.std(ddof=1))
    assert overall.seeds_to_tell(found, workload, "base") == f"{expected:,}"
    assert overall.seeds_to_tell(found._replace(candidate="won"), workload, "base") == ""
    same = made_up(a=[0.5] * 3, b=[0.5] * 3)
    assert overall.seeds_to_tell(same, workload, "b") == ""
    equal = made_up(a=[0.6, 0.7, 0.8], b=[0.5, 0.6, 0.7])  # but for rounding
    assert overall.seeds_to_tell(equal, workload, "b") == ""
    hardly = made_up(a=[0.5, 0.6, 0.7, 0.5001], b=[0.6, 0.5, 0.7, 0.5])
    assert overall.seeds_to_tell(hardly, workload, "b") == "> 1,000"


def test_outcomes_are_counted():
    found = made_up(on=TWO, mine=[0.9, 0.91, 0.92], base=[0.5, 0.5, 0.5])
    assert overall.outcomes(found, "base") == {"wins": 2, "ties": 0, "loses": 0}
