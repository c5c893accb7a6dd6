"""The page of a search: what it says is what the points say."""

import re

import numpy as np
import pandas as pd
import pytest
from support import landscape

from jaxdl import report, stats, sweep
from jaxdl.report import importances, searches, spaces


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return landscape.search(tmp_path_factory.mktemp("page"), points=24)


@pytest.fixture(scope="module")
def page(found):
    return report.of_search(found)


def blocks(page, heading):
    return next(section.blocks for section in page.sections if section.heading == heading)


def test_the_page_is_written_with_its_pictures(found, tmp_path):
    path = report.write(report.of_search(found), tmp_path / "page")
    assert path == tmp_path / "page/report.html"
    names = {each.stem for each in path.parent.glob("*.png")}
    assert names == {"points_0", "slices_0", "importance_0", "best_of"}
    assert (path.parent / "tables/the_best_points.tex").exists()


def test_the_lead_names_the_winner(found, page):
    best = found.best
    assert f"rate {best.hparams['rate']:.3g}" in page.lead
    assert "is the best of 24 points (halton)" in page.lead
    assert f"validation loss {best.value:.3g} nats in the mean of 2 seeds" in page.lead


def test_scores_on_test_are_of_the_choice_of_other_seeds(found, page):
    *_, table = blocks(page, "The winner")
    (row,) = table.rows
    scores = found.tuned.trials["test_loss"]
    assert len(scores) == 2
    assert row[-1].startswith(f"{stats.mean_interval(scores, 'positive').mean:.3g}")
    assert "of each seed at the point that other seeds chose" in table.caption


def test_the_best_points_are_sorted_and_the_near_ones_are_counted(found, page):
    points = found.points("run")
    points = points[points["value"].notna()].sort_values("value")
    (table,) = blocks(page, "The best points")
    assert [row[1] for row in table.rows] == [f"{v:.3g}" for v in points["value"][:10]]
    near = points[points["value"] <= 1.01 * points["value"].iloc[0]]
    (table,) = blocks(page, "How near others come")
    assert {row[-1] for row in table.rows} == {f"{len(near)} of {len(points)}"}
    low, high = near["rate"].min(), near["rate"].max()
    spread = f"{low:.3g}" if low == high else f"{low:.3g} … {high:.3g}"
    assert next(row for row in table.rows if row[1] == "rate")[3] == spread


def test_what_matters_says_by_what_it_was_measured(page, found, monkeypatch):
    picture, table = blocks(page, "What matters")
    assert re.search("by the fANOVA", picture.caption)
    assert "One without a number of every seed counts as the worst" in picture.caption
    assert "The metric counts by its logarithm" in picture.caption
    assert {row[0] for row in table.rows} == set(landscape.SPACE)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (section,) = importances.what_matters(found, ["run"])
    assert "scikit-learn" in section.blocks[0].caption


def test_among_the_best_tenth_is_told_of_many_points(tmp_path):
    many = landscape.search(tmp_path, points=60, seeds=1)
    (section,) = importances.what_matters(many, ["run"])
    assert section.blocks[1].header[-1] == "among the best tenth (%)"
    assert "PED-ANOVA" in section.blocks[0].caption


def test_a_winner_on_the_border_is_warned_of(tmp_path):
    run = sweep.without_training(lambda h, s, d: {"validation_loss": 1.0 + h["x"]})
    space = {"x": sweep.Integer(0, 3)}
    found = sweep.search(
        run, space, sweep.NO_DATA, workdir=tmp_path, metric="validation_loss", points=20, seeds=1
    )
    lines = [block for block in searches.of_search(found).sections[0].blocks if type(block) is str]
    assert lines == [
        "run: the best lies on the border of the search: x=0 is the smallest tried (0 … 3), "
        "so better ones may lie beyond."
    ]


def test_a_search_without_a_winner_has_a_page(tmp_path):
    run = sweep.without_training(lambda h, s, d: {"validation_loss": h["x"] * np.nan})
    space = {"x": sweep.Uniform(0.0, 1.0), "y": sweep.Uniform(0.0, 1.0)}
    with pytest.warns(sweep.NoResult, match="no point has a finite validation_loss"):
        found = sweep.search(
            run, space, sweep.NO_DATA, workdir=tmp_path / "run", metric="validation_loss",
            points=12, seeds=1,
        )  # fmt: skip
    text = report.write(report.of_search(found), tmp_path / "page").read_text()
    assert "Of 12 points (halton) there is none of which every seed ended." in text


def test_axes_are_on_the_scale_of_the_search():
    values = pd.Series([1e-4, 1e-2, 1.0])
    axis = spaces.axis("rate", values, sweep.LogUniform(1e-4, 1.0))
    np.testing.assert_allclose(axis.units, [0, 0.5, 1], atol=1e-12)
    assert list(axis.ticks) == ["10⁻⁴", "10⁻³", "0.01", "0.1", "1"]
    np.testing.assert_allclose(list(axis.ticks.values()), [0, 0.25, 0.5, 0.75, 1], atol=1e-12)
    axis = spaces.axis("k", pd.Series([1, 3]), sweep.Integer(1, 4))
    np.testing.assert_allclose(axis.units, [1 / 8, 5 / 8])
    assert list(axis.ticks) == ["1", "2", "3", "4"]
    axis = spaces.axis("kind", pd.Series(["b", "a"]), sweep.Choice(("a", "b")))
    np.testing.assert_allclose(axis.units, [0.75, 0.25])


def test_lines_and_dots_lie_where_the_points_do():
    axes = [spaces.axis("x", pd.Series([0.0, 0.5, 1.0]), sweep.Uniform(0.0, 1.0))]
    values, good = np.array([3.0, 1.0, np.nan]), np.array([False, True, False])
    cloud = spaces.Cloud(axes, values, good, 1, "loss")
    drawn = spaces.parallel(cloud, title="t")
    upright = [len(set(line.get_xdata())) == 1 for line in drawn.axes[0].lines]
    assert sum(upright) == 2  # the axes themselves
    lines = [
        line.get_ydata() for line, up in zip(drawn.axes[0].lines, upright, strict=True) if not up
    ]
    np.testing.assert_allclose(lines, [[0.0, 1.0], [1.0, -0.12], [0.5, 0.0]])
    drawn = spaces.slices(cloud, title="t")
    others, near, winner, lost = drawn.axes[0].lines
    np.testing.assert_allclose(others.get_xydata(), [[0, 3]])
    np.testing.assert_allclose(near.get_xydata(), [[0.5, 1]])
    np.testing.assert_allclose(winner.get_xydata(), [[0.5, 1]])
    assert lost.get_xdata().tolist() == [1.0]
