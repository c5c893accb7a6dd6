"""Numbers against scipy, by hand and by enumeration; laws by simulation; the rule by hand."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from jaxdl import stats

VALUES = [0.91, 0.95, 0.90, 0.97, 0.93]


def interval(low, high):
    return stats.Interval((low + high) / 2, low, high, 5, "given")


# intervals


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_mean_interval_is_scipys(confidence):
    ours = stats.mean_interval(VALUES, confidence)
    low, high = scipy_stats.t.interval(
        confidence, len(VALUES) - 1, np.mean(VALUES), scipy_stats.sem(VALUES)
    )
    np.testing.assert_allclose(ours[:3], (np.mean(VALUES), low, high), rtol=1e-12)
    assert ours.n == 5
    assert ours.method == f"Student t, {100 * confidence:g} %"


def test_mean_interval_by_hand():
    # mean 2, s = 1, t(2; 0.975) = 4.302653, half width 4.302653 / sqrt(3)
    ours = stats.mean_interval([1.0, 2.0, 3.0])
    np.testing.assert_allclose(ours[:3], (2.0, 2 - 2.484138, 2 + 2.484138), atol=1e-6)


@pytest.mark.parametrize("make", [stats.mean_interval, stats.iqm_interval])
def test_one_value_has_no_bounds(make):
    ours = make([0.7])
    assert ours.mean == 0.7
    assert math.isnan(ours.low)
    assert math.isnan(ours.high)
    assert ours.n == 1


@pytest.mark.parametrize("make", [stats.mean_interval, stats.iqm_interval])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_never_averaged_away(make, bad):
    assert np.isnan(make([0.7, bad, 0.8])[:3]).all()


@pytest.mark.parametrize("make", [stats.mean_interval, stats.iqm_interval])
def test_equal_values_have_a_point_for_an_interval(make):
    assert make([0.25] * 5)[:3] == (0.25, 0.25, 0.25)


@pytest.mark.parametrize("make", [stats.mean_interval, stats.iqm_interval])
def test_intervals_refuse_no_values_a_matrix_and_a_confidence_of_one(make):
    with pytest.raises(ValueError, match="one or more values"):
        make([])
    with pytest.raises(ValueError, match="one or more values"):
        make([[1.0, 2.0]])
    with pytest.raises(ValueError, match="between 0 and 1"):
        make(VALUES, 1.0)


def test_t_interval_covers_the_mean_as_often_as_it_says():
    # 2,000 samples of 5: 95 % ± 1.95 % is four standard deviations; a normal quantile covers 88 %
    draws = np.random.default_rng(0).normal(3.0, 2.0, (2000, 5))
    bounds = np.array([stats.mean_interval(draw)[1:3] for draw in draws])
    covered = np.mean((bounds[:, 0] < 3.0) & (bounds[:, 1] > 3.0))
    assert abs(covered - 0.95) < 0.0195


def test_paired_interval_is_scipys_paired_test():
    baseline = [0.90, 0.91, 0.88, 0.96, 0.90]
    ours = stats.paired_interval(VALUES, baseline)
    test = scipy_stats.ttest_rel(VALUES, baseline).confidence_interval(0.95)
    np.testing.assert_allclose(ours[1:3], (test.low, test.high), rtol=1e-12)
    assert ours.method.startswith("paired")


def test_pairing_removes_what_the_seeds_share():
    shared = np.array([0.1, 0.5, 0.9, 0.3, 0.7])
    ours = stats.paired_interval(shared + 0.01, shared)
    np.testing.assert_allclose(ours[:3], 0.01, rtol=1e-9)


def test_paired_interval_refuses_other_seeds():
    with pytest.raises(ValueError, match="same seeds"):
        stats.paired_interval([1.0, 2.0], [1.0])


def test_proportion_interval_is_the_exact_one():
    # 3 of 10: beta quantiles; 0 of 10: 1 - 0.025^(1/10)
    ours = stats.proportion_interval(3, 10)
    low, high = scipy_stats.beta.ppf([0.025, 0.975], [3, 4], [8, 7])
    np.testing.assert_allclose(ours[:3], (0.3, low, high), rtol=1e-9)
    none = stats.proportion_interval(0, 10)
    np.testing.assert_allclose(none[:3], (0.0, 0.0, 1 - 0.025**0.1), atol=1e-9)
    assert stats.proportion_interval(10, 10).high == 1.0


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_proportion_interval_refuses_impossible_counts(successes, n):
    with pytest.raises(ValueError, match="successes"):
        stats.proportion_interval(successes, n)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_proportion_interval_covers_every_share_at_least_as_often_as_it_says(share):
    bounds = [stats.proportion_interval(k, 12)[1:3] for k in range(13)]
    weights = scipy_stats.binom.pmf(range(13), 12, share)
    covered = sum(w for w, (low, high) in zip(weights, bounds, strict=True) if low <= share <= high)
    assert covered >= 0.95


# robust summaries


def test_interquartile_mean_by_hand():
    assert stats.interquartile_mean([100.0, 1.0, 2.0, -50.0, 3.0, 4.0, 5.0, 6.0]) == 3.5
    assert stats.interquartile_mean([1.0, 2.0, 9.0]) == 4.0
    np.testing.assert_array_equal(
        stats.interquartile_mean([[0.0, 1.0, 2.0, 99.0], [4.0, 4.0, 6.0, 6.0]], axis=1), [1.5, 5.0]
    )


def test_iqm_interval_is_repeatable_and_holds_its_estimate():
    draws = np.random.default_rng(1).normal(size=40)
    first, second = stats.iqm_interval(draws, resamples=999), stats.iqm_interval(draws, 0.95, 999)
    assert first == second
    assert first.low < first.mean < first.high
    assert stats.iqm_interval(draws, resamples=999, seed=1).low != first.low
    narrow = stats.iqm_interval(draws, 0.5, 999)
    assert first.low < narrow.low < narrow.high < first.high


def test_iqm_interval_is_every_resample_of_a_small_sample():
    # all 4⁴ resamples of four values, their interquartile means sorted: the exact bootstrap
    values = [0.0, 1.0, 5.0, 20.0]
    means = [np.mean(sorted(s)[1:3]) for s in itertools.product(values, repeat=4)]
    ours = stats.iqm_interval(values, 0.8)
    np.testing.assert_allclose(ours[1:3], np.quantile(means, [0.1, 0.9]), atol=0.3)
    assert ours.mean == 3.0


# budgets and profiles


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


# verdicts


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


# the choice of a rate


def ledger(accuracies, status=None, **condition):
    """One condition's trials: `{rate: accuracies by seed}`, nan for a diverged one."""
    return pd.DataFrame(
        [
            {
                "optimizer": "sgd",
                **condition,
                "learning_rate": rate,
                "seed": seed,
                "status": "diverged" if math.isnan(accuracy) else (status or "ok"),
                "validation_accuracy": accuracy,
            }
            for rate, row in accuracies.items()
            for seed, accuracy in enumerate(row)
        ]
    )


def choose(frame, **options):
    rows = stats.select(frame, ["optimizer"], "learning_rate", **options)
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_mean_over_seeds_decides_not_the_best_seed():
    row = choose(ledger({0.01: [0.80, 0.80], 0.1: [0.85, 0.85], 1.0: [0.99, 0.60]}))
    assert row.learning_rate == 0.1
    assert row.validation_accuracy == pytest.approx(0.85)
    assert row.eligible
    assert not row.on_border
    assert row.share_diverged == 0


def test_a_rate_at_which_a_seed_diverged_is_not_eligible():
    frame = ledger({0.01: [0.8, 0.8], 0.1: [0.85, 0.85], 1.0: [0.99, math.nan]})
    row = choose(frame)
    assert row.learning_rate == 0.1
    assert not row.on_border
    assert row.share_diverged == pytest.approx(1 / 6)


def test_a_diverged_trial_with_a_number_is_no_better_than_one_without():
    frame = ledger({0.01: [0.8, 0.8], 0.1: [0.9, 0.9]})
    frame.loc[3, "status"] = "diverged"
    assert choose(frame).learning_rate == 0.01


def test_ties_go_to_the_smaller_rate_in_any_order_and_despite_rounding():
    tied = {1.0: [0.7, 0.9, 0.8], 0.1: [0.8, 0.7, 0.9], 0.01: [0.1, 0.1, 0.1]}
    tied[1.0][0] += 1e-9
    assert choose(ledger(tied)).learning_rate == 0.1
    assert choose(ledger(tied).iloc[::-1]).learning_rate == 0.1


@pytest.mark.parametrize(
    ("accuracies", "rate", "border"),
    [
        ({0.01: [0.9], 0.1: [0.8], 1.0: [0.7]}, 0.01, True),
        ({0.01: [0.7], 0.1: [0.9], 1.0: [0.8]}, 0.1, False),
        ({0.01: [0.7], 0.1: [0.8], 1.0: [0.9]}, 1.0, True),
        ({0.1: [0.9]}, 0.1, False),
    ],
)
def test_on_border(accuracies, rate, border):
    row = choose(ledger(accuracies))
    assert (row.learning_rate, row.on_border) == (rate, border)


def test_when_every_rate_diverged_the_least_bad_is_named_without_a_metric():
    nan = math.nan
    row = choose(ledger({0.1: [0.2, 0.2, nan], 0.2: [0.3, 0.3, nan], 1.0: [0.9, nan, nan]}))
    assert row.learning_rate == 0.2
    assert not row.eligible
    assert math.isnan(row.validation_accuracy)
    assert row.share_diverged == pytest.approx(4 / 9)
    everything = choose(ledger({1.0: [nan], 0.1: [nan]}))
    assert everything.learning_rate == 0.1
    assert everything.share_diverged == 1


@pytest.mark.parametrize("status", ["pruned", "error"])
def test_other_trials_without_an_end_are_not_eligible_and_not_diverged(status):
    frame = pd.concat([ledger({0.1: [0.9]}, status), ledger({0.01: [0.5]})], ignore_index=True)
    row = choose(frame)
    assert row.learning_rate == 0.01
    assert row.share_diverged == 0


def test_a_rate_that_lacks_a_seed_is_not_eligible():
    frame = ledger({0.01: [0.8, 0.8], 0.1: [0.9, 0.7]}).drop(index=3)
    assert choose(frame).learning_rate == 0.01


def test_a_loss_is_minimised():
    frame = ledger({0.01: [0.8], 0.1: [0.2], 1.0: [0.5]})
    frame = frame.rename(columns={"validation_accuracy": "validation_loss"})
    assert choose(frame, metric="validation_loss", mode="min").learning_rate == 0.1


def test_conditions_are_chosen_apart_and_keep_their_order():
    frame = pd.concat(
        [
            ledger({0.1: [0.9], 1.0: [0.8]}, optimizer="sgd", initializer="zeros"),
            ledger({0.001: [0.5], 0.01: [0.6]}, optimizer="adam", initializer="he"),
            ledger({0.1: [0.7], 1.0: [0.8]}, optimizer="sgd", initializer="he"),
        ],
        ignore_index=True,
    )
    rows = stats.select(frame, ["optimizer", "initializer"], "learning_rate")
    chosen = rows[["optimizer", "initializer", "learning_rate"]].to_numpy().tolist()
    assert chosen == [["sgd", "zeros", 0.1], ["adam", "he", 0.01], ["sgd", "he", 1.0]]


def test_several_numbers_searched_together():
    frame = pd.concat(
        [ledger({0.1: [a], 1.0: [b]}, decay=d) for d, a, b in [(0, 0.1, 0.2), (1, 0.9, 0.3)]],
        ignore_index=True,
    )
    row = stats.select(frame, ["optimizer"], ["learning_rate", "decay"]).iloc[0]
    assert (row.learning_rate, row.decay) == (0.1, 1)
    assert row.on_border
    with pytest.raises(ValueError, match="name every searched column"):
        choose(frame)


def test_chosen_trials_are_all_seeds_at_the_chosen_rate():
    frame = ledger({0.01: [0.8, 0.7], 0.1: [0.9, 0.9]})
    selection = stats.select(frame, ["optimizer"], "learning_rate")
    trials = stats.chosen_trials(frame, selection, ["optimizer", "learning_rate"])
    assert trials["seed"].tolist() == [0, 1]
    assert trials["learning_rate"].tolist() == [0.1, 0.1]


def test_select_says_what_is_wrong():
    frame = ledger({0.1: [0.9]})
    with pytest.raises(ValueError, match="never on test"):
        choose(frame.assign(test_accuracy=0.9), metric="test_accuracy")
    with pytest.raises(ValueError, match="'validation_loss'"):
        choose(frame, metric="validation_loss")
    with pytest.raises(ValueError, match="no trials"):
        choose(frame.iloc[:0])
    with pytest.raises(ValueError, match="unique index"):
        choose(pd.concat([frame, ledger({1.0: [0.9]})]))
    with pytest.raises(ValueError, match="one in `over`"):
        stats.select(frame, ["optimizer"], [])
    with pytest.raises(ValueError, match="mode"):
        choose(frame, mode="best")
