"""A user's file from the command line to its forecast, with a network whose answer is known."""

import numpy as np
import pytest

from experiments import _forecaster, forecasting
from jaxdl import launch
from jaxdl.data.scaling import Scaling
from jaxdl.launch import config

OPTIONS = {"model": "MLP", "length": 4, "horizon": 3, "units": 2}


def chosen(*arguments):
    return config.parse(["x", *arguments], forecasting.Config, "forecasting").config


@pytest.fixture
def kept(tmp_path):
    """A run that has kept a network of zeros but for the biases of its quantiles, −1, 0.5 and 1."""

    def keep(history):
        biases = np.repeat(np.array([[-1, 0.5, 1]], np.float32), 3, axis=0).ravel()
        zeros = {
            "Dense_0": {"kernel": np.zeros((4, 4), np.float32), "bias": np.zeros(4, np.float32)},
            "Dense_1": {"kernel": np.zeros((4, 4), np.float32), "bias": np.zeros(4, np.float32)},
            "Dense_2": {"kernel": np.zeros((4, 9), np.float32), "bias": biases},
        }
        launch.save_best(
            tmp_path, {"network": zeros}, None, Scaling(np.array([10.0]), np.array([2.0])),
            task="forecasting", model="forecaster", options=OPTIONS, input_shape=(4, 1),
            series="sold", history=history, values=50, longest_gap=1,
        )  # fmt: skip
        return tmp_path

    return keep


def test_the_next_values_go_on_from_the_end_of_the_series(kept):
    workdir = kept([1.0, 2.0, 3.0, float("nan"), 7.0])
    table = _forecaster.forecast(workdir, "5")
    rows = [line for line in table.splitlines() if line.startswith("| 5")]
    assert [row.split("|")[1].strip() for row in rows] == ["51", "52", "53", "54", "55"]
    # 7 and half a deviation of 2, with an interval of −1 to 1; the fourth goes on from the third.
    assert [float(row.split("|")[2]) for row in rows] == [8, 8, 8, 9, 9]
    assert rows[0].split("|")[3].strip() == "5 … 9"
    assert "Beyond 3 steps forecasts are fed back" in table
    assert (workdir / "forecast.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["0", "-3", "many", "1001", "2.5", ""])
def test_a_number_that_is_none_is_told(kept, text):
    with pytest.raises(ValueError, match="no whole number from 1 to 1000"):
        _forecaster.forecast(kept([1.0, 2, 3, 4]), text)


def test_a_gap_at_the_end_is_told(kept):
    nan = float("nan")
    with pytest.raises(ValueError, match="have a gap of more than 1"):
        _forecaster.forecast(kept([1.0, 2, 3, nan, nan]), "2")


def test_a_file_is_planned_and_what_is_wrong_is_told(tmp_path):
    path = tmp_path / "sold.csv"
    values = ["" if n % 50 == 9 else f"{n % 7}" for n in range(400)]
    path.write_text("\n".join(["sold,other", *(f"{value},x" for value in values)]))
    of_file = [f"--config.csv={path}", "--config.column=sold"]
    small = ["--config.length=8", "--config.horizon=4", "--config.season=7"]
    settings = chosen(*of_file, *small)
    plan = forecasting.plan(settings)
    assert {trial.hparams["series"] for trial in plan.trials} == {"sold"}
    (name, loaded), *_ = forecasting.load(settings).items()
    assert "400 values, 8 missing (in inputs a value stands for 3 at most), " in forecasting.told(
        settings, name, loaded
    )
    for wrong, match in (
        ([f"--config.csv={path}"], "config.column: which of sold, other"),
        (["--config.column=sold"], "of which file"),
        ([*of_file[:1], "--config.column=other"], "line 2: column 'other' holds 'x'"),
        ([*of_file, "--config.length=300"], "400 steps is too short: 280 are for train"),
        ([*of_file, "--config.length=8", "--config.season=9"], "config.season: at most"),
        ([*of_file, *small, "--config.batch_size=5000"], "config.batch_size: only"),
    ):
        with pytest.raises(ValueError, match=match):
            forecasting.plan(chosen(*wrong))
