"""The sentences of a sweep, by hand."""

import math

import pandas as pd
import pytest

from jaxdl import stats
from jaxdl.report import compare, findings, summaries


def ledger(scores):
    """`{(optimizer, initializer): [(validation, test) of each seed]}` at one of two rates."""
    return pd.DataFrame(
        [
            {
                "optimizer": optimizer,
                "initializer": initializer,
                "learning_rate": rate,
                "seed": seed,
                "status": "ok" if math.isfinite(validation) else "diverged",
                "validation_accuracy": validation - (rate == 0.1) * 0.05,
                "test_accuracy": test,
            }
            for (optimizer, initializer), pairs in scores.items()
            for rate in (0.1, 1.0)
            for seed, (validation, test) in enumerate(pairs)
        ]
    )


SCORES = {
    ("sgd", "he"): [(0.90, 0.80), (0.91, 0.82), (0.92, 0.84)],  # best on validation
    ("sgd", "zeros"): [(0.10, 0.10), (0.10, 0.11), (0.10, 0.12)],  # beaten, seed by seed
    ("adam", "he"): [(0.85, 0.99), (0.85, 0.99), (0.85, 0.99)],  # best on test, not to be chosen
    ("adam", "zeros"): [(math.nan, 0.5), (0.95, 0.5), (0.95, 0.5)],  # not eligible
}


def finding(scores, fresh=None, examples=None):
    frame, names = ledger(scores), findings.Columns()
    fresh = None if fresh is None else ledger(fresh).assign(seed=lambda rows: rows["seed"] + 9)
    summary = summaries.summary(frame, fresh=fresh, examples=examples)
    return findings.finding(findings.Found(frame, summary, names, fresh, examples))


def test_the_best_is_chosen_on_validation_never_on_test():
    lead, details = finding(SCORES)
    interval = stats.mean_interval([0.80, 0.82, 0.84], "share")
    assert lead == (
        "Chosen on validation, the best condition is sgd × he at learning rate 1: test accuracy "
        f"82.0 % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]. "
        "1 of the 2 other conditions cannot be told from it."
    )
    assert "Holm's correction for 3 comparisons, all pairs of conditions" in details[0]
    assert "Being the best of 3 conditions on these seeds" in details[1]
    assert details[2].startswith("In brackets: the 95 % interval over 3 seeds on this test set.")
    assert details[3].startswith("24 trials in 4 conditions; 8.3 % of the trials diverged: ")
    assert details[4].startswith("In 4 of 4 conditions")
    assert "each at the value that one other seed chooses" in details[5]
    assert "how far another test set would be, it does not say" in details[5]


def test_the_number_beside_the_name_is_of_the_named_condition():
    # of three seeds each takes the choice of the next: he, zeros, he
    scores = {
        ("sgd", "he"): [(0.90, 0.80), (0.90, 0.82), (0.50, 0.84)],
        ("sgd", "zeros"): [(0.60, 0.10), (0.60, 0.20), (0.89, 0.30)],
    }
    lead, details = finding(scores, examples=100)
    row = summaries.summary(ledger(scores), examples=100).iloc[0]
    assert row["test_accuracy"] == pytest.approx(0.82)
    assert "the best condition is sgd × he at learning rate 1: test accuracy 82.0 %" in lead
    assert f"82.0 % [{100 * row['low']:.1f}, {100 * row['high']:.1f}]" in lead
    wide = f"{100 * row['wide_low']:.1f} … {100 * row['wide_high']:.1f}"
    assert details[2] == (
        "In brackets: the 95 % interval over 3 seeds on this test set; over its 100 examples too "
        f"{wide}."
    )
    assert "Where other seeds choose the condition too, it is 61.3 (" in details[1]
    # and the rivals are compared with it, of whom the one is beaten by 54 points or more
    assert "0 of the 1 other condition cannot be told from it" in lead


def test_a_fresh_seed_that_diverged_takes_the_number_away():
    frame, fresh = ledger(SCORES), ledger(SCORES).assign(seed=lambda rows: rows["seed"] + 9)
    fresh.loc[fresh["validation_accuracy"].eq(0.90), "status"] = "diverged"
    lead, sections = compare.comparison(frame, fresh=fresh)
    assert "its test accuracy is unknown, 1 of its 3 scored seeds diverged or did not end" in lead
    assert "2 of the 2 other conditions cannot be told from it" in lead
    assert "trials of the search diverged" in sections[0].blocks[1]
    assert "or a fresh seed that did not end" in sections[1].blocks[0].caption


def test_fresh_seeds_report_what_the_search_chose():
    fresh = {name: [(0.5, 0.70), (0.5, 0.72), (0.5, 0.74)] for name in SCORES}
    lead, details = finding(SCORES, fresh, examples=100)
    assert lead.startswith(
        "Chosen on validation, the best condition is sgd × he at learning rate 1: "
        "test accuracy 72.0 %"
    )
    wide = stats.population_interval([0.70, 0.72, 0.74], 100)
    assert f"over its 100 examples too {100 * wide.low:.1f} … {100 * wide.high:.1f}." in details[1]
    assert "2 of the 2 other conditions cannot be told from it" in lead
    assert "3 fresh seeds that took no part in the choice" in details[4]
    assert "Holm's correction for 2 comparisons." in details[0]


def test_many_comparisons_are_corrected():
    # p = 0.02 of a paired t on 2 degrees of freedom: told apart alone, not among four
    gains, rivals = [0.70, 0.75, 0.80], ("a", "b", "c", "d")
    best = {("sgd", "he"): [(0.9, score) for score in (0.80, 0.82, 0.93)]}
    others = {("sgd", name): [(0.5, score) for score in gains] for name in rivals}
    assert 0.0125 < stats.paired_p([0.80, 0.82, 0.93], gains) < 0.05
    assert "0 of the 1 other condition" in finding(best | {("sgd", "a"): others["sgd", "a"]})[0]
    assert "4 of the 4 other conditions" in finding(best | others)[0]


def test_one_seed_that_chooses_and_reports_says_so():
    lead, details = finding({name: pairs[:1] for name, pairs in SCORES.items()})
    assert "test accuracy 80.0 %. " in lead
    assert not any(line.startswith("In brackets") for line in details)
    assert any("the one seed that chose, which is too good by that" in line for line in details)


def test_a_sweep_in_which_everything_diverged_says_so():
    lead, _ = finding({("sgd", "he"): [(math.nan, math.nan)] * 2})
    assert lead == "No condition has a learning rate at which all its seeds ended."


def test_one_condition_alone_has_no_rivals():
    lead, details = finding({("sgd", "he"): SCORES["sgd", "he"]})
    assert lead.endswith("].")
    assert "cannot be told" not in lead
    assert details[1].startswith("6 trials in 1 condition;")
