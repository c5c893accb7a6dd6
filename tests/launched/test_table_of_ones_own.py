"""The flagship on a file of the user's: from its rows to predictions of raw ones."""

import importlib

import numpy as np
import pandas as pd
import pytest

from jaxdl import launch
from jaxdl.launch import config, runner

flagship = importlib.import_module("experiments.optimizers_x_initializers")


@pytest.fixture
def houses(tmp_path):
    """A file with numbers, text and gaps, whose price is nearly linear in the size."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(100, 30, 300), "town": rng.choice(["A", "B"], 300)})
    frame["price"] = 2000 * frame["size"] + 9000 * (frame["town"] == "B")
    frame.loc[::10, "town"] = None
    frame.to_csv(tmp_path / "houses.csv", index=False)
    return frame


def test_numbers_of_a_file_are_regressed_and_predicted_from_raw_rows(houses, tmp_path):
    given = [
        f"csv={tmp_path / 'houses.csv'}", "target=price", "metric=rmse", "optimizers=adam",
        "initializers=he_normal", "learning_rates=0.01,1e-6", "seeds=2", "fresh_seeds=2",
        "hidden=16", "evaluations=1", "steps=300",
    ]  # fmt: skip
    arguments = ["x", f"--workdir={tmp_path / 'run'}", *(f"--config.{each}" for each in given)]
    command = config.parse(arguments, flagship.Config, "x")
    experiment = launch.Experiment(
        flagship.Config, flagship.plan, flagship.conclude, confirm=flagship.confirm
    )
    assert runner.launch(experiment, "x", command) == 0
    loaded = launch.load(tmp_path / "run")
    assert loaded.description["learning_rate"] == pytest.approx(0.01)  # the lower RMSE, not higher
    found = loaded.labels(houses.drop(columns="price"))
    missed = np.sqrt(np.mean((found - houses["price"]) ** 2))
    assert missed < 0.2 * houses["price"].std()
    assert 0.3 < loaded.description["validation_rmse"] / missed < 3  # in the unit of the prices
    assert "test rmse" in (tmp_path / "run/report.md").read_text()
