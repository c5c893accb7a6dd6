"""Conditions at the hyperparameters that validation chose."""

import numpy as np
import pandas as pd

from jaxdl import stats


def test_what_all_seeds_chose_together_is_shown_in_the_order_of_seeds():
    # Seed 0 alone would take the rate 0.1, both together 0.2; for each the other one chooses.
    accuracies = {(1, 0.1): 0.2, (1, 0.2): 0.9, (0, 0.1): 0.7, (0, 0.2): 0.6}
    frame = pd.DataFrame([
        {"model": "a", "seed": seed, "rate": rate, "status": "ok", "validation_accuracy": value}
        for (seed, rate), value in accuracies.items()
    ])  # fmt: skip
    tuned = stats.tune(frame, "model", "rate")
    shown = stats.jointly_chosen(frame, tuned)
    assert shown[["seed", "rate"]].to_numpy().tolist() == [[0, 0.2], [1, 0.2]]
    assert set(tuned.trials["rate"]) == {0.1, 0.2}


def frame(status=("ok", "ok", "ok")):
    """Two conditions, of which the second is better at the higher rate; seeds in falling order."""
    rows = [
        {
            "kind": kind,
            "width": width,
            "rate": rate,
            "seed": seed,
            "status": status[seed],
            "trial": f"{kind} {width} {rate} {seed}",
            "validation_accuracy": 0.5 + (rate if kind == "b" else -rate),
        }
        for kind, width in (("a", 1), ("b", 1), ("b", 2))
        for rate in (0.1, 0.2)
        for seed in (2, 1, 0)
    ]
    return pd.DataFrame(rows)


def test_the_first_seed_at_the_value_that_all_chose():
    found = frame()
    tuned = stats.tune(found, ("kind", "width"), "rate")
    for condition, trial in ((("a", 1), "a 1 0.1 0"), (("b", 2), "b 2 0.2 0")):
        row = stats.example(found, tuned, condition)
        assert row is not None
        assert row["trial"] == trial


def test_a_condition_of_one_column_is_a_plain_value():
    found = frame()[lambda rows: rows["width"] == 1].reset_index(drop=True)
    row = stats.example(found, stats.tune(found, "kind", "rate"), "b")
    assert row is not None
    assert row["trial"] == "b 1 0.2 0"


def test_a_seed_that_diverged_is_not_shown():
    found = frame(("diverged", "ok", "ok"))
    found.loc[found["status"] != "ok", "validation_accuracy"] = np.nan
    tuned = stats.tune(found, ("kind", "width"), "rate")
    row = stats.example(found, tuned, ("b", 1))
    assert row is not None
    assert row["seed"] == 1
    lost = frame(("diverged",) * 3)
    assert stats.example(lost, stats.tune(lost, ("kind", "width"), "rate"), ("b", 1)) is None


def test_gains_of_all_over_one_and_in_each_group():
    trials = frame().query("width == 1 or kind == 'b'").assign(test_accuracy=lambda f: f["width"])
    by_kind = stats.tune(trials[trials["width"] == 1].reset_index(drop=True), "kind", "rate")
    assert by_kind.gains("test_accuracy", "a") == {"b": by_kind.gain("test_accuracy", "b", "a")}
    whole = stats.tune(trials, ("kind", "width"), "rate")
    in_b = stats.tune(trials[trials["kind"] == "b"].reset_index(drop=True), "width", "rate")
    assert whole._replace(selection=whole.selection[whole.selection["kind"] == "b"]).gain_in_each(
        "kind", "test_accuracy", 2, 1
    ) == {"b": in_b.gain("test_accuracy", 2, 1)}
