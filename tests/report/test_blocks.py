"""Blocks of most reports."""

import numpy as np
import pandas as pd
import pytest

from jaxdl import report, stats


def _texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_an_interval_map_writes_estimates_and_bounds_as_its_label_says():
    found = stats.Interval(0.25, 0.2, 0.3, 5, "t")
    other = found._replace(mean=0.5, low=0.4, high=0.6)
    columns = {"few": {"a": found, "b": other}, "many": {"a": found}}
    drawn = report.interval_map(columns, title="Gains", label="gain (points)", down="method")
    assert _texts(drawn.figure) == ["25.0\n20.0…30.0", "25.0\n20.0…30.0", "50.0\n40.0…60.0", "–"]
    assert drawn.figure.axes[0].get_ylabel() == "method"
    assert drawn.drawn().figure.startswith(b"\x89PNG")
    plain = report.interval_map(columns, title="Gains", label="gain (1)")
    assert "0.2\n0.2…0.3" in _texts(plain.figure)


def test_an_interval_map_marks_the_best_of_each_column():
    found = stats.Interval(0.25, 0.2, 0.3, 5, "t")
    columns = {"few": {"a": found, "b": found._replace(mean=0.5)}}
    drawn = report.interval_map(columns, title="Scores", label="score (%)", best=True)
    assert len(drawn.figure.axes[0].patches) == 1
    assert "best of the column" in drawn.figure.axes[0].get_legend().get_texts()[0].get_text()


def test_claims_of_shares_are_drawn_in_the_unit_of_print():
    claim = report.Claim("R1", "it helps", "gain", above=0.01, unit="points")
    judged = claim.judge(stats.mean_interval(np.array([0.02, 0.03, 0.04])))
    axes = report.intervals([judged], ["one"]).axes[0]
    assert axes.get_xlabel() == "gain (points)"
    assert float(axes.lines[1].get_xdata()[0]) == pytest.approx(3.0)
    assert float(axes.lines[2].get_xdata()[0]) == pytest.approx(1.0)


def runs(**columns):
    return pd.DataFrame([
        {"model": model, "rate": rate, "seed": seed, "status": "ok",
         "validation_accuracy": (rate if model == "a" else -rate) + 0.5} | columns
        for model in "ab" for rate in (0.1, 0.2) for seed in range(3)
    ])  # fmt: skip


def test_what_was_chosen_is_written_by_condition():
    assert report.chosen_values(stats.tune(runs(), "model", "rate")) == "a 0.2; b 0.1"


def test_without_a_panel_all_lines_share_one_that_may_be_linear():
    (drawn,) = report.along(
        runs(), "rate", "validation_accuracy", line="model", title="By rate", x_label="rate",
        y_label="accuracy (%)", x_scale="linear", caption="How to read it.",
    )  # fmt: skip
    assert drawn.caption == "How to read it."
    axes = drawn.figure.axes[0]
    assert axes.get_xscale() == "linear"
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [60, 70])


def test_what_was_searched_is_averaged_with_a_mark_at_the_choice():
    frame = pd.DataFrame([
        {"model": "a", "rate": rate, "seed": seed, "status": "ok", "validation_accuracy": value,
         "test_accuracy": value / 2}
        for rate, value in ((0.1, 0.5), (0.2, 0.75)) for seed in range(3)
    ])  # fmt: skip
    tuned = stats.tune(frame, "model", "rate")
    rows = report.searched(frame, tuned, {"test_accuracy": "test (%)"})
    assert rows == [{"rate": "0.1", "test (%)": 0.25}, {"rate": "0.2*", "test (%)": 0.375}]


def test_bias_and_variance_are_told_by_condition():
    errors = pd.DataFrame({"training": [0.0, 0.2], "dev": [0.3, 0.21]}, index=[20.0, 500.0])
    found = report.diagnoses(errors.rename_axis("examples"), target=0.01, tolerance=0.02)
    assert [row[:5] for row in found.rows] == [
        ("20", "0.0", "30.0", "-1.0", "30.0"), ("500", "20.0", "21.0", "19.0", "1.0"),
    ]  # fmt: skip
    assert found.header[0] == "examples"
