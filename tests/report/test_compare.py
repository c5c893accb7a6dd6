"""The page of a whole sweep, and its sentences by hand."""

import math

import pandas as pd

from jaxdl.report import compare, page, tables


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


def finding(scores):
    frame = ledger(scores)
    return compare.finding(frame, tables.summary(frame), compare.Columns())


def test_the_best_is_chosen_on_validation_never_on_test():
    lead, details = finding(SCORES)
    # mean 0.82, s = 0.02, half width 4.302653 · 0.02 / √3 = 0.0497
    assert lead == (
        "Chosen on validation, the best condition is sgd × he at learning rate 1: test accuracy "
        "82.0 % (95 % interval 77.0 … 87.0, 3 seeds). "
        "1 of the 2 other conditions cannot be told from it."
    )
    assert "paired difference in test accuracy" in details[0]
    assert details[1].startswith("24 trials in 4 conditions; 8.3 % of the trials diverged: ")
    assert details[2].startswith("In 4 of 4 conditions")


def test_a_sweep_in_which_everything_diverged_says_so():
    lead, _ = finding({("sgd", "he"): [(math.nan, math.nan)] * 2})
    assert lead == "No condition has a learning rate at which all its seeds ended."


def test_one_condition_alone_has_no_rivals():
    lead, details = finding({("sgd", "he"): SCORES["sgd", "he"]})
    assert lead.endswith("3 seeds).")
    assert details[0].startswith("6 trials in 1 condition;")


def test_an_interval_ends_where_accuracies_do(trials):
    _, sections = compare.comparison(trials[trials["seed"].isin([0, 1])])
    bounds = [cell.split(" … ") for *_, cell, _ in sections[-1].blocks[0].rows]
    shown = [float(number) for pair in bounds if len(pair) == 2 for number in pair]
    assert min(shown) >= 0
    assert max(shown) == 100


def test_the_whole_page(trials, curves, tmp_path):
    hostile = {"initializer": {"zeros": "<script>"}}
    backwards = curves.replace(hostile).iloc[::-1]
    lead, sections = compare.comparison(trials.replace(hostile), backwards)
    assert [section.heading for section in sections] == [
        "Finding",
        "Test accuracy",
        "Sensitivity to the learning rate",
        "Training curves",
        "All conditions",
    ]
    path = page.write(page.Report("Sweep", lead, sections), tmp_path)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert '<td class="left">&lt;script&gt;</td>' in text
    names = ["heat_map.png", "report.html", "sensitivity.png", "training_curves.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_curves_may_be_left_out(trials):
    _, sections = compare.comparison(trials[trials["optimizer"] == "sgd"])
    assert "Training curves" not in [section.heading for section in sections]


def test_other_columns_can_be_compared(trials):
    columns = compare.Columns("kind", "start", "rate", "validation_f1", "test_f1")
    names = dict(zip(compare.Columns(), columns, strict=True))
    frame = trials[trials["optimizer"].isin(["sgd", "adam"])].rename(columns=names)
    lead, sections = compare.comparison(frame, columns=columns)
    assert "at rate 0." in lead
    assert "test f1" in lead
    assert sections[-1].blocks[0].header[:3] == ("kind", "start", "rate")
