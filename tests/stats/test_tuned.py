"""The trial of a tuned condition to look at."""

import numpy as np
import pandas as pd

from jaxdl import stats


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
