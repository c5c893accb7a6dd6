"""Conditions at the hyperparameters that validation chose."""

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
