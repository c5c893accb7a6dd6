"""Bias and variance told from errors."""

import pytest

from jaxdl import stats


@pytest.mark.parametrize(
    ("train_error", "dev_error", "finding"),
    [
        (0.18, 0.19, "high bias"),
        (0.01, 0.19, "high variance"),
        (0.15, 0.27, "high bias and high variance"),
        (0.01, 0.015, "near the target"),
    ],
)
def test_diagnose(train_error, dev_error, finding):
    found = stats.diagnose(train_error, dev_error, 0.0, 0.05)
    assert found.finding == finding
    assert found.bias == pytest.approx(train_error)
    assert found.variance == pytest.approx(dev_error - train_error)


def test_errors_near_a_high_target_are_no_bias():
    assert stats.diagnose(0.18, 0.19, 0.17, 0.05).finding == "near the target"


def test_a_diverged_training_has_no_diagnosis():
    with pytest.raises(ValueError, match="nan, 12 and 0 are not all finite"):
        stats.diagnose(float("nan"), 12, 0, 1)
