"""The second stage of the flagship: the chosen rates on seeds that took no part in the choice."""

import importlib

import pandas as pd
import pytest

from jaxdl import launch, sweep
from jaxdl.launch import config

flagship = importlib.import_module("experiments.optimizers_x_initializers")


def test_an_optimizer_of_the_users_joins(tmp_path, monkeypatch):
    (tmp_path / "my_flagged.py").write_text(
        "import optax\n"
        "def adam(learning_rate, b1=0.9):\n"
        "    return optax.adam(learning_rate, b1=b1)\n"
        "def halves(steps):\n"
        "    return lambda step: 0.5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    given = "--config.optimizers=sgd,my_flagged:adam,adam"
    settings = config.parse(["x", given], flagship.Config, "x").config
    plan = flagship.plan(settings)
    assert list(plan.programs) == ["sgd", "adam (candidate)", "adam"]
    wrong = config.parse(
        ["x", "--config.optimizers=my_flagged:halves"], flagship.Config, "x"
    ).config
    with pytest.raises(launch.UserError, match="is of another kind: schedule"):
        flagship.plan(wrong)


def test_only_the_chosen_rates_run_again_and_only_on_fresh_seeds(tmp_path):
    arguments = ["x", "--config.optimizers=sgd,adam", "--config.initializers=he_normal,zeros"]
    arguments += ["--config.learning_rates=0.01,0.1,1.0", "--config.seeds=3"]
    arguments += ["--config.fresh_seeds=4"]
    settings = config.parse(arguments, flagship.Config, "x").config
    rows = [
        {
            "optimizer": optimizer,
            "initializer": initializer,
            "learning_rate": rate,
            "seed": seed,
            "status": "ok",
            "validation_accuracy": 0.9 - abs(rate - best),
        }
        for optimizer, best in (("sgd", 0.1), ("adam", 0.01))
        for initializer in ("he_normal", "zeros")
        for rate in (0.01, 0.1, 1.0)
        for seed in range(3)
    ]
    plan = sweep.Plan({}, [], {}, 1)
    trials = flagship.confirm(settings, plan, sweep.Results(rows, tmp_path)).trials
    assert len(trials) == 2 * 2 * 4
    assert {trial.seed for trial in trials} == {3, 4, 5, 6}
    chosen = {(trial.program, trial.hparams["learning_rate"]) for trial in trials}
    assert chosen == {("sgd", 0.1), ("adam", 0.01)}


def parsed(*settings):
    arguments = [f"--config.{setting}" for setting in settings]
    return config.parse(["x", *arguments], flagship.Config, "x").config


def test_claims_of_numbers_are_about_r2():
    seeds = [
        {"optimizer": name, "initializer": initializer, "seed": seed,
         "test_r2": {"sgd": 0.3, "adam": 0.5, "momentum": 0.2}[name] + seed / 100
         if initializer != "zeros" else -0.01 - seed / 1000}
        for name in ("sgd", "adam", "momentum")
        for initializer in ("zeros", "he_normal", "small_normal")
        for seed in range(3)
    ]  # fmt: skip
    told = flagship.claims(parsed(), sweep.Plan({}, [], {}, 1), pd.DataFrame(seeds))
    assert all("R²" in claim.quantity and not claim.shown for claim in told)
    verdicts = {claim.claim: claim.verdict for claim in told}
    assert verdicts["zero weights learn nothing, whatever the optimizer"] == "holds"
    nothing = next(claim for claim in told if claim.row == "I1")
    assert nothing.threshold == 0.02


def test_a_metric_of_another_target_is_refused():
    with pytest.raises(launch.UserError, match=r"config\.metric: of this target it is accuracy"):
        flagship.plan(parsed("metric=rmse"))
    with pytest.raises(launch.UserError, match=r"config\.scaling: 'no' is none of none, max"):
        flagship.plan(parsed("scaling=no"))
    with pytest.raises(launch.UserError, match="it is r2 or rmse or mae"):
        flagship.plan(parsed("dataset=diabetes", "metric=accuracy"))
