"""How fast one is, and how accurate where training losses are equal, by hand."""

import numpy as np
import pandas as pd
import pytest

from experiments import first_order
from jaxdl import stats, workloads

STEPS = first_order.PARTS
WORKLOAD = workloads.digits_mlp()._replace(steps=STEPS, target=0.8)


def test_accuracy_is_compared_where_both_have_the_loss_that_the_slower_ends_at():
    """Adam falls by 2 % a step, the others by 1 %, to 0.5; accuracies rise by 1 % a step."""
    step = np.arange(1, STEPS + 1)
    names = [(name, seed) for name in ("adam", "sgd", "momentum") for seed in range(3)]
    pace = np.array([0.02 if name == "adam" else 0.01 for name, _ in names])
    # Adam's digits are 0.1 · seed less accurate at each step.
    behind = np.array([0.1 * seed if name == "adam" else 0.0 for name, seed in names])
    curves = {
        "trial": np.array([f"{name}{seed}" for name, seed in names]),
        "loss": 1 - pace[:, None] * step,
        "test_accuracy": 0.3 + 0.01 * step - behind[:, None],
    }
    trials = pd.DataFrame(names, columns=["optimizer", "seed"]).assign(trial=curves["trial"])
    tuned = stats.Tuned(("optimizer",), ("rate",), "validation_accuracy", trials, trials)
    found = first_order.at_equal_loss([WORKLOAD], {"digits_mlp": tuned}, curves)
    # At a loss of 0.5 Adam is after 25 steps, the others after 50.
    expected = np.mean([0.3 + 0.25 - 0.1 * seed - 0.8 for seed in range(3)])
    assert [claim.measured for claim in found] == pytest.approx([expected, expected])
    assert "(digits_mlp, sgd)" in found[0].claim
    curves["loss"][0, 5:] = np.nan
    found = first_order.at_equal_loss([WORKLOAD], {"digits_mlp": tuned}, curves)
    assert [claim.verdict for claim in found] == ["inconclusive"] * 2
    assert np.isnan([claim.measured for claim in found]).all()


def test_a_missed_target_costs_all_steps_and_what_is_lacking():
    curve = np.array([np.linspace(0, 1, STEPS), np.linspace(0, 0.5, STEPS)])
    frame = pd.DataFrame({"validation_accuracy": curve[:, -1]})
    found = first_order.measured(WORKLOAD, frame, curve)
    assert found["needed_steps"].tolist() == [41, STEPS]
    assert found["cost"].tolist() == pytest.approx([41, STEPS + np.log1p(0.3)])
