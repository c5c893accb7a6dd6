"""What is drawn: the numbers, the gaps, the marks, and that no text is cut or hidden."""

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.transforms import Bbox

from jaxdl import stats
from jaxdl.report import blocks, fans, heat_maps, panels, plots, style, summaries


class Recorder(RendererAgg):
    """Draws, and keeps the words, the size in points and the box in pixels of each line of text."""

    def __init__(self, figure):
        super().__init__(*figure.bbox.size, style.DPI)
        self.lines = []

    def draw_text(self, gc, x, y, s, prop, angle, *args, **kwargs):
        width, height, descent = self.get_text_width_height_descent(s, prop, False)
        box = Bbox([(x, y - height + descent), (x + width, y + descent)])
        if angle == 90:
            box = Bbox([(x - height, y - width), (x, y)])
        self.lines.append((s, prop.get_size_in_points(), box))
        super().draw_text(gc, x, y, s, prop, angle, *args, **kwargs)


def assert_legible(figure):
    """No text below 9 pt, none beyond the edge, none on another; no panel on another."""
    figure.set_dpi(style.DPI)
    recorder = Recorder(figure)
    with style.house_style():
        figure.draw(recorder)
    lines = [line for line in recorder.lines if line[0].strip()]
    assert len(lines) > 10
    width, height = figure.bbox.size
    for i, (words, points, box) in enumerate(lines):
        assert points >= 9, words
        assert -1 <= box.x0 < box.x1 <= width + 1, words
        assert -1 <= box.y0 < box.y1 <= height + 1, words
        for other, _, above in lines[:i]:
            assert not box.padded(-1.5).overlaps(above.padded(-1.5)), (words, other)
    frames = [axes.get_window_extent() for axes in figure.axes if axes.axison]
    legends = [axes.get_legend().get_window_extent() for axes in figure.axes if not axes.axison]
    for one, other in itertools.combinations(frames + legends, 2):
        assert not one.overlaps(other)


def test_sensitivity_draws_means_and_breaks_where_a_seed_diverged(trials):
    figure = plots.sensitivity(trials)
    axes = figure.axes
    main = next(a for a in axes if a.get_title(loc="left") == "adam")
    names = list(dict.fromkeys(trials["initializer"]))
    for line, name in zip(main.get_lines(), names, strict=True):
        rows = trials[(trials["optimizer"] == "adam") & (trials["initializer"] == name)]
        expected = [
            math.nan
            if (at["status"] != "ok").any()
            else at["validation_accuracy"].to_numpy().mean()
            for _, at in rows.groupby("learning_rate")
        ]
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)
        np.testing.assert_allclose(line.get_xdata(), sorted(rows["learning_rate"].unique()))


def test_sensitivity_shows_every_rate_that_diverged(trials):
    figure = plots.sensitivity(trials)
    position = next(i for i, a in enumerate(figure.axes) if a.get_title(loc="left") == "adam")
    marks = figure.axes[position + 1].get_lines()
    adam = trials[trials["optimizer"] == "adam"]
    share = adam["status"].eq("diverged").groupby([adam["initializer"], adam["learning_rate"]])
    share = share.mean()
    assert len(marks) == (share > 0).sum()
    filled = sum(m.get_markerfacecolor() != "white" for m in marks)
    assert filled == (share == 1).sum() > 0


def test_without_diverged_trials_there_is_no_strip(trials):
    figure = plots.sensitivity(trials[trials["initializer"] == "zeros"])
    assert len(figure.axes) == 7 + 1


def test_training_curves_draw_means_and_bands(curves):
    figure = plots.training_curves(curves)
    main = next(a for a in figure.axes if a.get_title(loc="left") == "sgd")
    rows = curves[(curves["optimizer"] == "sgd") & (curves["initializer"] == "zeros")]
    by_step = rows.pivot(index="step", columns="seed", values="loss")
    by_step = by_step.groupby(np.arange(30) // 2).mean()  # 30 steps in at most 25 windows
    np.testing.assert_allclose(main.get_lines()[0].get_ydata(), by_step.to_numpy().mean(axis=1))
    band = main.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == by_step.to_numpy().max()
    assert band.min() == by_step.to_numpy().min()
    assert main.get_yscale() == "log"


def test_lines_are_means_and_references_are_in_sight(curves):
    figure = plots.lines(
        curves, "step", "loss", panel="optimizer", line="initializer", title="Loss",
        x_label="step", y_label="loss (nats)", x_scale="linear", y_scale="linear",
        references={"goal": lambda _: 99.0},
    )  # fmt: skip
    main = next(a for a in figure.axes if a.get_title(loc="left") == "sgd")
    rows = curves[(curves["optimizer"] == "sgd") & (curves["initializer"] == "zeros")]
    expected = rows.pivot(index="step", columns="seed", values="loss").mean(axis=1)
    np.testing.assert_allclose(main.get_lines()[0].get_ydata(), expected)
    assert main.get_lines()[-1].get_ydata()[0] == 99
    assert main.get_ylim()[1] > 99
    assert main.get_xscale() == main.get_yscale() == "linear"


def test_windows_are_means_of_equally_many_steps():
    frame = pd.DataFrame({"k": "a", "x": [3, 1, 2, 4, 5], "y": [0.0, 2.0, 4.0, 6.0, math.inf]})
    ours = panels.windows(frame, "x", "y", ["k"], 3).sort_values("x")
    np.testing.assert_array_equal(ours[["x", "y"]], [[1.5, 3.0], [3.5, 3.0], [5.0, math.nan]])
    whole = panels.windows(frame, "x", "y", ["k"], 5).sort_values("x")
    assert whole["x"].tolist() == [1, 2, 3, 4, 5]


def test_a_curve_breaks_where_one_seed_is_not_finite():
    frame = pd.DataFrame({"p": "p", "l": "l", "x": [1, 1, 2, 2], "y": [1.0, 3.0, 5.0, math.inf]})
    table = panels.bands(frame, "x", "y", "p", "l")
    np.testing.assert_array_equal(table[["mean", "min", "max"]], [[2, 1, 3], [math.nan] * 3])


@pytest.mark.parametrize(("value", "label"), [(1e-3, "10⁻³"), (1.0, "10⁰"), (1e12, "10¹²")])
def test_decades_are_labelled_in_any_font(value, label):
    assert panels.power_of_ten(value) == label


def figure_of(name, trials, curves):
    summary = summaries.summary(trials)
    grids = [summaries.grid(summary, "optimizer", "initializer", c) for c in ("low", "on_border")]
    wild = trials.replace({"initializer": {"zeros": r"<script>$\frac{1}$ 日本 and much more"}})
    few = trials[trials["optimizer"].isin(["sgd", "adam"])]
    return {
        "heat map": lambda: heat_maps.heat_map(
            100 * grids[0], marked=grids[1], title="Title", label="accuracy (%)", mark_label="mark"
        ),
        "sensitivity": lambda: plots.sensitivity(trials, title="Title"),
        "legend below": lambda: plots.sensitivity(few, title="A long title, " * 20),
        "wild names": lambda: plots.sensitivity(wild, title="$x"),
        "curves": lambda: plots.training_curves(curves, title="Title"),
        "linear": lambda: plots.training_curves(curves, y_scale="linear"),
        "short range": lambda: plots.training_curves(curves[curves["loss"] > 1.5]),
    }[name]()


@pytest.mark.parametrize(
    "name",
    ["heat map", "sensitivity", "legend below", "wild names", "curves", "linear", "short range"],
)
def test_every_figure_is_legible(name, trials, curves):
    assert_legible(figure_of(name, trials, curves))


def test_a_rate_that_is_no_number_does_not_spoil_the_figure(trials):
    few = trials[trials["optimizer"] == "sgd"]
    few = few.assign(learning_rate=few["learning_rate"].where(few["seed"] != 4, math.inf))
    figure = plots.sensitivity(few)
    style.to_png(figure)
    low, high = figure.axes[0].get_xlim()
    assert 0 < low < high < 100


ALONE = """
import sys
import pandas as pd
from jaxdl import report
assert "matplotlib" not in sys.modules, "matplotlib is imported before it is needed"
report.to_png(report.heat_map(pd.DataFrame([[1.0]])))
assert "matplotlib.pyplot" not in sys.modules, "pyplot keeps a state of its own"
"""


@pytest.mark.parametrize("everything", [False, True])
def test_lines_of_which_nothing_is_finite_are_left_out(curves, trials, everything):
    lost = curves["initializer"].ne("nothing" if everything else "he_normal")
    dead = curves.assign(loss=curves["loss"].where(lost & (not everything)))
    assert style.to_png(plots.training_curves(dead)).startswith(b"\x89PNG")
    gone = trials.assign(status="diverged") if everything else trials
    figure = plots.sensitivity(gone, y="validation_loss", y_scale="log")
    assert style.to_png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize("ulps", [0, 1, 3])
def test_lines_that_are_equal_but_for_rounding_are_level(scale, ulps):
    values = 0.2072248309850692 * (1 + np.array([0, ulps, ulps, 0, 0, 0]) * 2.3e-16)
    frame = pd.DataFrame({"points": range(1, 7), "value": values, "program": "run", "seed": 0})
    figure = plots.lines(
        frame, "points", "value", line="program", x_label="", y_label="", y_scale=scale
    )
    assert style.to_png(figure).startswith(b"\x89PNG")  # a warning is an error in tests
    low, high = figure.axes[0].get_ylim()
    assert high / low > 1.01


def test_matplotlib_is_imported_late_and_pyplot_never():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run([sys.executable, "-c", ALONE], env=environment, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()


def test_lines_are_thinned_from_first_to_last_and_references_are_drawn_over_all_of_x():
    frame = pd.DataFrame([
        {"way": way, "seed": seed, "n": n, "cost": (1.0 + seed) / n}
        for way, longest in (("long", 1000), ("short", 5))
        for seed in range(2)
        for n in range(1, longest + 1)
    ])  # fmt: skip
    figure = plots.lines(
        frame, "n", "cost", line="way", title="Costs", x_label="number", y_label="cost", points=10,
        references={"1/n": lambda n: 1 / n, "goal": lambda n: 0.01},
    )  # fmt: skip
    (axes,) = (axes for axes in figure.axes if axes.axison)
    long, short, law, goal = (line.get_xydata() for line in axes.lines)
    assert (long[0, 0], long[-1, 0]) == (1, 1000)
    assert len(long) <= 10
    np.testing.assert_allclose(long[:, 1], 1.5 / long[:, 0])  # the mean over seeds
    assert short[:, 0].tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(law[:, 1], 1 / law[:, 0])
    assert set(goal[:, 1]) == {0.01}
    assert_legible(figure)


def test_dots_are_seeds_and_the_bar_is_their_mean():
    scores = {"share (1)": {"a": [0.2, 0.6], "b": 0.5}, "mean 1/rank (1)": {"a": [0, 1], "b": [1]}}
    figure = plots.dots(scores, title="Two methods by two measures", reference=0.5)
    first, second = figure.axes
    drawn = [list(line.get_xdata()) for line in first.lines]
    assert drawn == [[0.2, 0.6], [0.4], [0.5], [0.5], [0.5, 0.5]]
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "b"]
    assert second.get_xlabel() == "mean 1/rank (1)"
    assert_legible(figure)


def test_shares_are_drawn_and_tabled_in_per_cent():
    scores = {"found": {"trained": [0.4, 0.5, 0.6], "counted": 0.25}}
    picture, table = blocks.shares(scores, title="Found", caption="c", examples={"found": 10})
    assert [list(line.get_xdata()) for line in picture.figure.axes[0].lines] == [
        pytest.approx([40, 50, 60]), pytest.approx([50]), [25], [25],
    ]  # fmt: skip
    assert table.header == ("method", "found (%)")
    low, high = (100 * bound for bound in stats.mean_interval([0.4, 0.5, 0.6], "share")[1:3])
    assert table.rows == (("trained", f"50.0 ({low:.1f} … {high:.1f})"), ("counted", "25.0"))


def test_a_fan_goes_on_where_its_history_ends():
    history, quantiles = np.array([1.0, np.nan, 3.0]), np.array([[2.0, 3, 5], [1, 4, 6]])
    figure = fans.fan(history, quantiles, {"what came": [3.0, 3.5]}, title="A series", first=7)
    (axes,) = figure.axes
    past, middle, came = axes.lines
    np.testing.assert_array_equal(past.get_xdata(), [7, 8, 9])
    np.testing.assert_array_equal(middle.get_xydata(), [[10, 3], [11, 4]])
    np.testing.assert_array_equal(came.get_ydata(), [3, 3.5])
    (band,) = axes.collections
    assert band.get_datalim(axes.transData).extents.tolist() == [10, 1, 11, 6]
    assert_legible(figure)
