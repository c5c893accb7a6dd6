"""The columns and curves of the explorer, against numbers worked by hand."""

import json

import numpy as np
import pytest

from jaxdl.report import explorer
from jaxdl.report.explorer import _trials
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.results import Results
from jaxdl.sweep.space import Trial

RATES = (0.001, 0.01, 0.1)


def rows():
    """Two optimizers × three rates × two seeds; adam at the highest rate has diverged."""
    made = []
    for number, (name, rate, seed) in enumerate(
        (name, rate, seed) for name in ("sgd", "adam") for rate in RATES for seed in (0, 1)
    ):
        lost = name == "adam" and rate == 0.1
        made.append({
            "trial": f"t{number}", "program": name, "optimizer": name, "learning_rate": rate,
            "width": 8, "seed": seed, "status": "diverged" if lost else "ok",
            "steps": 4, "diverged_at": 2 if lost else None,
            "message": "loss not finite from step 2 on" if lost else None,
            "validation_accuracy": None if lost else 0.5 + number / 100,
            "test_loss": None if lost else 2.0 ** -number, "lanes": 2, "code": "x",
        })  # fmt: skip
    return made


def plan():
    trials = [Trial(r["program"], {"learning_rate": r["learning_rate"], "width": 8}, r["seed"])
              for r in rows()]  # fmt: skip
    labels = {name: {"optimizer": name} for name in ("sgd", "adam")}
    return Plan({}, trials, {}, labels=labels)


def results(folder, rows, curves=None):
    folder.mkdir(exist_ok=True)
    if curves is not None:
        np.savez(folder / "curves.npz", trial=np.array([r["trial"] for r in rows]), **curves)
    return Results(json.loads(json.dumps(rows)), folder)


def named(found):
    return {column.name: column for column in found.columns}


def test_a_column_for_all_that_differs_and_the_metrics_in_their_unit(tmp_path):
    found = explorer.trials(plan(), [results(tmp_path, rows())])
    columns = named(found)
    assert list(columns) == [
        "optimizer", "learning_rate", "seed", "validation_accuracy", "test_loss", "status",
        "message",
    ]  # fmt: skip
    accuracy = columns["validation_accuracy"]
    assert (accuracy.label, accuracy.better, accuracy.decimals) == (
        "validation accuracy (%)",
        "max",
        1,
    )
    assert columns["test_loss"].label == "test loss (nats)"
    assert (found.metric, found.against, found.colour) == (
        "validation_accuracy",
        "learning_rate",
        "optimizer",
    )


def test_the_best_comes_first_and_what_has_no_value_last(tmp_path):
    columns = named(explorer.trials(plan(), [results(tmp_path, rows())]))
    expected = [59, 58, 57, 56, 55, 54, 53, 52, 51, 50]
    np.testing.assert_allclose(columns["validation_accuracy"].values[:10], expected)
    assert np.isnan(columns["validation_accuracy"].values[10:]).all()
    np.testing.assert_allclose(columns["test_loss"].values[:2], [2.0**-9, 2.0**-8])
    status = columns["status"]
    assert [status.levels[int(code)] for code in status.values[9:]] == ["ok", *["diverged"] * 2]


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([0.001, 0.01, 0.1, 1.0], True),
        ([1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0], True),
        ([0.1, 0.2, 0.3, 0.5, 0.8, 0.9], False),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], False),
        ([0.0, 0.1, 1.0, 10.0], False),
        ([16, 32, 64, 128, 256], True),
    ],
)
def test_numbers_sampled_by_orders_of_magnitude_have_a_log_axis(tmp_path, values, log):
    made = [{**rows()[0], "trial": f"t{n}", "learning_rate": v} for n, v in enumerate(values)]
    columns = named(explorer.trials(plan(), [results(tmp_path, made)]))
    assert columns["learning_rate"].log is log


def test_curves_follow_their_trials_and_long_ones_are_means_over_windows(tmp_path):
    given = rows()
    steps = np.arange(250, dtype=np.float32)
    loss = steps[None] + 1000 * np.arange(len(given), dtype=np.float32)[:, None]
    loss[10:, 100:] = np.nan
    accuracy = np.arange(len(given) * 5, dtype=np.float32).reshape(len(given), 5) / 100
    curves = {"loss": loss, "validation_accuracy": accuracy}
    found = explorer.trials(plan(), [results(tmp_path, given, curves)])
    training, evaluated = found.curves
    assert training.label == "training loss"
    # 250 steps in windows of three, the last of one: trial 9 comes first.
    assert training.values.shape == (12, 84)
    np.testing.assert_array_equal(training.steps[[0, 1, -2, -1]], [3, 6, 249, 250])
    np.testing.assert_array_equal(training.values[0, [0, 1, -1]], [9001, 9004, 9249])
    np.testing.assert_array_equal(training.values[10, 33:35], [10099, np.nan])
    assert evaluated.label == "validation accuracy (%)"
    np.testing.assert_array_equal(evaluated.steps, [50, 100, 150, 200, 250])
    np.testing.assert_allclose(evaluated.values[0], [45, 46, 47, 48, 49], rtol=1e-6)
    assert found.notes == ["Training curves are means over windows of steps, 84 of each trial."]


def test_evaluations_are_not_drawn_at_the_steps_of_another_program(tmp_path):
    given = [{**row, "steps": 2 if row["program"] == "sgd" else 4} for row in rows()]
    curves = {
        "loss": np.ones((12, 4), np.float32),
        "validation_accuracy": np.ones((12, 2), np.float32),
    }
    found = explorer.trials(plan(), [results(tmp_path, given, curves)])
    assert [curve.label for curve in found.curves] == ["training loss"]
    (note,) = found.notes
    assert "unequal numbers of steps" in note


def test_of_very_many_trials_the_curves_are_left_out_and_the_page_says_so(tmp_path):
    count = _trials.CURVE_NUMBERS // 7
    made = [{**rows()[0], "trial": f"t{n}", "learning_rate": n + 1.0} for n in range(count)]
    curves = {"loss": np.ones((count, 20), np.float32)}
    found = explorer.trials(plan(), [results(tmp_path, made, curves)])
    assert found.curves == []
    assert found.notes == [f"Of {count:,} trials the training curves are left out."]


def test_fresh_seeds_stand_in_the_same_table_and_are_told_apart(tmp_path):
    fresh = [{**row, "trial": f"f{n}", "seed": 7} for n, row in enumerate(rows()[:2])]
    found = explorer.trials(plan(), [results(tmp_path, rows()), results(tmp_path / "f", fresh)])
    part = named(found)["from"]
    assert part.levels == ("search", "fresh seeds")
    assert sorted(part.values) == [0] * 12 + [1] * 2


def test_without_a_metric_there_is_nothing_to_explore(tmp_path):
    bare = [{**row, "validation_accuracy": None, "test_loss": None} for row in rows()]
    assert explorer.trials(plan(), [results(tmp_path, bare)]) is None
