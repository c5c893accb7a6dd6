"""Curves of tuned conditions: which panel and which line shows what."""

import pandas as pd
import pytest

from jaxdl import report, stats


class Results:
    """Training curves of two steps, made up: what `sweep.Results` gives, without a ledger."""

    def curve_frame(self, name, trials):
        return pd.concat([trials.assign(**{"step": step, name: 1 / step}) for step in (1, 2)])


FRAME = pd.DataFrame([
    {"model": model, "width": width, "rate": rate, "seed": seed, "status": "ok",
     "validation_accuracy": rate}
    for model in "ab" for width in (8, 16) for rate in (0.1, 0.2) for seed in range(3)
])  # fmt: skip


@pytest.mark.parametrize(
    ("by", "panels"),
    [("model", [""]), (("model",), [""]), (("width", "model"), ["8", "16"])],
)
def test_tuned_curves_have_a_panel_by_the_first_column_where_there_are_several(by, panels):
    frame = FRAME if "width" in by else FRAME[FRAME["width"] == 8]
    (drawn,) = report.tuned_curves(Results(), stats.tune(frame, by, "rate"))
    axes = [axes for axes in drawn.figure.axes if axes.lines]
    assert [each.get_title(loc="left") for each in axes] == panels
    for each in axes:
        assert [line.get_ydata().tolist() for line in each.lines] == [[1, 0.5]] * 2
