"""What is known of a metric by its name."""

import pytest

from jaxdl import stats


@pytest.mark.parametrize(
    ("metric", "mode", "unit", "scale"),
    [
        ("test_loss", "min", "nats", "positive"),
        ("validation_accuracy", "max", "%", "share"),
        ("validation_main_accuracy", "max", "%", "share"),
        ("test_recall_1", "max", "%", "share"),
        ("validation accuracy", "max", "%", "share"),
        ("test_absolute_error", "min", "1", "positive"),
        ("passes", "min", "passes", "positive"),
    ],
)
def test_direction_unit_and_scale_follow_from_the_name(metric, mode, unit, scale):
    assert stats.kind(metric) == (mode, unit, scale)


@pytest.mark.parametrize("metric", ["test_lossless", "loss_gap", "", "validation_3"])
def test_an_unknown_metric_is_never_guessed(metric):
    with pytest.raises(ValueError, match="high or low"):
        stats.kind(metric)
    assert stats.direction(metric, "min") == "min"
