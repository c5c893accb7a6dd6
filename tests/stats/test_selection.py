"""The choice of a rate, by hand; what the chosen trials report, by simulation."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import special

from jaxdl import stats


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


def test_each_seed_reports_at_the_rate_that_the_seeds_after_it_choose():
    # five seeds, two voters each: seeds 1, 2 vote for 0; 2, 3 for 1; 3, 4 for 2; 4, 0 for 3; ...
    frame = ledger({0.01: [0.9, 0.9, 0.1, 0.1, 0.9], 0.1: [0.5, 0.5, 0.5, 0.5, 0.5]})
    selection = stats.select(frame, ["optimizer"], "learning_rate")
    assert selection.loc[0, "learning_rate"] == 0.01  # 0.58 over all seeds
    trials = stats.chosen_trials(frame, selection, ["optimizer", "learning_rate"])
    chosen = trials.set_index("seed")["learning_rate"].to_dict()
    assert chosen == {0: 0.01, 1: 0.1, 2: 0.01, 3: 0.01, 4: 0.01}


def test_no_two_seeds_choose_for_each_other():
    for seeds in (3, 4, 5, 8, 10):
        votes = np.zeros((seeds, seeds), bool)
        for seed in range(seeds):
            # only this seed has an opinion, so whoever follows it has voted
            scores = np.zeros((2, seeds))
            scores[1, seed] = 1.0
            votes[seed] = stats.choices_of_others(scores) == 1
        assert not votes.diagonal().any()
        assert not (votes & votes.T).any()
        assert (votes.sum(axis=0) == (seeds - 1) // 2).all()


def test_fresh_seeds_report_at_the_choice_of_all():
    frame = ledger({0.01: [0.8, 0.7, 0.9], 0.1: [0.9, 0.9, 0.8]})
    selection = stats.select(frame, ["optimizer"], "learning_rate")
    fresh = frame.assign(seed=frame["seed"] + 3)
    trials = stats.chosen_trials(fresh, selection, ["optimizer", "learning_rate"])
    assert trials["seed"].tolist() == [3, 4, 5]
    assert trials["learning_rate"].tolist() == [0.1, 0.1, 0.1]


def test_chosen_trials_keep_order_types_and_columns():
    frame = ledger({1: [0.8, 0.7, 0.6], 2: [0.9, 0.9, 0.9]}, extra="kept").iloc[::-1]
    selection = stats.select(frame, ["optimizer"], "learning_rate")
    trials = stats.chosen_trials(frame, selection, ["optimizer", "learning_rate"])
    assert list(trials.columns) == list(frame.columns)
    assert trials["seed"].tolist() == [2, 1, 0]
    assert trials["learning_rate"].dtype == frame["learning_rate"].dtype


def test_where_no_rate_is_eligible_all_seeds_report_at_the_least_bad():
    frame = ledger({0.1: [0.2, math.nan, 0.2], 1.0: [math.nan, math.nan, 0.9]})
    selection = stats.select(frame, ["optimizer"], "learning_rate")
    trials = stats.chosen_trials(frame, selection, ["optimizer", "learning_rate"])
    assert trials["learning_rate"].tolist() == [0.1, 0.1, 0.1]


def studies(seeds, gap=0.0, repeats=400, conditions=48, rates=7):
    """Validation and test scores with standard deviation 1, correlated by 0.75 within a network.

    The true score of the best rate is 0, that of the worst `gap` below, of the others between.
    """
    rng = np.random.default_rng(seeds)
    validation, own = rng.normal(size=(2, repeats, conditions, rates, seeds))
    truth = np.linspace(-gap, 0.0, rates)[:, None]
    return truth + validation, truth + 0.75 * validation + math.sqrt(1 - 0.75**2) * own


def interval(values):
    """Student's t over the last axis, tested elsewhere; mean, low, high and the two-sided p."""
    n = values.shape[-1]
    mean, error = values.mean(axis=-1), values.std(axis=-1, ddof=1) / math.sqrt(n)
    half = special.stdtrit(n - 1, 0.975) * error
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * special.stdtr(n - 1, -abs(mean / error))
    return mean, mean - half, mean + half, np.nan_to_num(p, nan=1.0)


def at(scores, choice):
    """scores [..., R, N] at the rate of each seed [..., N]."""
    return np.take_along_axis(scores, choice[..., None, :], axis=-2)[..., 0, :]


@pytest.mark.parametrize("seeds", [5, 8])
def test_at_equal_truth_the_best_condition_is_covered_in_95_of_100_studies(seeds):
    validation, test = studies(seeds)
    repeats = len(validation)
    # as it was: the seeds that choose also report
    means = validation.mean(axis=-1).reshape(repeats, -1)
    naive = test.reshape(repeats, -1, seeds)[np.arange(repeats), means.argmax(axis=-1)]
    mean, low, high, _ = interval(naive)
    assert mean.mean() > 0.7
    assert np.mean((low < 0) & (high > 0)) < 0.75
    # the ring: of each condition, and of the best of all
    scores = at(test, stats.choices_of_others(validation))
    mean, low, high, _ = interval(scores)
    assert abs(np.mean((low < 0) & (high > 0)) - 0.95) < 0.02
    assert abs(mean.mean()) < 0.02
    every = stats.choices_of_others(validation.reshape(repeats, -1, seeds))
    best = at(test.reshape(repeats, -1, seeds), every)
    mean, low, high, _ = interval(best)
    assert abs(np.mean((low < 0) & (high > 0)) - 0.95) < 0.02
    assert abs(mean.mean()) < 0.1


@pytest.mark.parametrize(("seeds", "gap"), [(5, 1.0), (5, 4.0), (8, 2.0)])
def test_at_unequal_truth_the_ring_errs_towards_worse_and_covers_a_little_less(seeds, gap):
    validation, test = studies(seeds, gap)
    mean, low, high, _ = interval(at(test, stats.choices_of_others(validation)))
    reported, best = mean.mean(), 0.0
    assert -0.4 < reported < -0.1
    assert 0.90 < np.mean((low < reported) & (reported < high)) < 0.95
    assert 0.87 < np.mean((low < best) & (best < high)) < 0.93
    assert np.mean(low > best) < 0.025


@pytest.mark.parametrize(("seeds", "gap"), [(5, 0.0), (8, 4.0)])
def test_rivals_of_the_condition_that_the_same_seeds_chose_need_the_correction_of_all_pairs(
    seeds, gap
):
    validation, test = studies(seeds, gap, repeats=200, conditions=24)
    scores = at(test, stats.choices_of_others(validation))
    named = validation.mean(axis=-1).max(axis=-1).argmax(axis=-1)
    first, second = np.triu_indices(24, 1)
    ahead, _, _, p = interval(scores[:, first] - scores[:, second])
    wins = ((first == named[:, None]) & (ahead > 0)) | ((second == named[:, None]) & (ahead < 0))
    of_all = np.stack([stats.holm(row) for row in p])
    assert np.mean((wins & (of_all < 0.05)).any(axis=-1)) < 0.05
    # as if the condition had been named before the run
    rivals = [row[(first == n) | (second == n)] for row, n in zip(p, named, strict=True)]
    won = [row[(first == n) | (second == n)] for row, n in zip(wins, named, strict=True)]
    told = [(w & (stats.holm(row) < 0.05)).any() for row, w in zip(rivals, won, strict=True)]
    assert np.mean(told) > 0.08


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


def test_the_direction_comes_from_the_metric():
    frame = ledger({0.01: [0.8], 0.1: [0.2], 1.0: [0.5]})
    loss = frame.rename(columns={"validation_accuracy": "validation_loss"})
    assert choose(loss, metric="validation_loss").learning_rate == 0.1
    assert choose(loss, metric="validation_loss").validation_loss == pytest.approx(0.2)
    with pytest.raises(ValueError, match="better low, but mode='max'"):
        choose(loss, metric="validation_loss", mode="max")
    unknown = frame.rename(columns={"validation_accuracy": "validation_glow"})
    with pytest.raises(ValueError, match="high or low"):
        choose(unknown, metric="validation_glow")
    assert choose(unknown, metric="validation_glow", mode="max").learning_rate == 0.01


def test_a_benchmark_without_a_validation_split_says_so_aloud():
    frame = ledger({0.1: [0.9, 0.8]}).rename(columns={"validation_accuracy": "test_accuracy"})
    reason = "the protocol has none"
    row = choose(frame, metric="test_accuracy", without_validation=reason)
    assert row.chosen_on == "test: the protocol has none"
    assert choose(ledger({0.1: [0.9]})).chosen_on == "validation"
    with pytest.raises(ValueError, match="without_validation='why'"):
        choose(frame, metric="test_accuracy")
    with pytest.raises(ValueError, match="not for 'validation_accuracy'"):
        choose(ledger({0.1: [0.9]}), without_validation=reason)


def test_the_largest_value_within_a_tolerance_of_the_best():
    means = {0.1: 0.90, 0.2: 0.95, 0.3: 0.945, 0.4: 0.93, 0.5: 0.96}
    rows = [
        {"model": "a", "decay": decay, "seed": seed, "validation_accuracy": mean + 0.001 * seed}
        for decay, mean in means.items()
        for seed in (-1, 1)
    ]
    frame = pd.DataFrame(rows[:-1])  # a seed of 0.5 is missing
    for by in (["model"], "model"):
        found = stats.largest_within(frame, by, "decay", 0.01)
        assert found.to_dict("records") == [{"model": "a", "decay": 0.3}]
    fewer = pd.DataFrame(rows[:5:2]).assign(model="b")  # of one seed, all of which are there
    found = stats.largest_within(pd.concat([frame, fewer]), "model", "decay", 0.01)
    assert found.to_dict("records") == [{"model": "a", "decay": 0.3}, {"model": "b", "decay": 0.3}]
