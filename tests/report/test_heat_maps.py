"""Cells, their numbers and colours."""

import math

import numpy as np
import pandas as pd
from matplotlib.patches import Polygon

from jaxdl.report import heat_maps

VALUES = pd.DataFrame(
    [[97.0, 10.0, math.nan], [96.0, 95.0, 94.0]],
    index=["sgd", "adam"],
    columns=["he", "zeros", "x"],
)


def test_heat_map_writes_the_numbers_and_the_interval_that_is_shown():
    axes = heat_maps.heat_map(
        VALUES, bounds=(VALUES - 0.25, VALUES + 0.5), label="accuracy (%)"
    ).axes[0]
    assert [t.get_text() for t in axes.texts] == [
        "97.0\n96.8…97.5",
        "10.0\n9.8…10.5",
        "–",
        "96.0\n95.8…96.5",
        "95.0\n94.8…95.5",
        "94.0\n93.8…94.5",
    ]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["sgd", "adam"]


def test_heat_map_colours_are_not_taken_by_a_hopeless_cell():
    image = heat_maps.heat_map(VALUES).axes[0].images[0]
    assert image.get_clim() == (94.0, 97.0)
    assert np.isnan(np.ma.filled(image.get_array(), np.nan)[0, 2])


def test_heat_map_colours_span_the_limits_that_are_given():
    image = heat_maps.heat_map(VALUES, limits=(0, 100)).axes[0].images[0]
    assert image.get_clim() == (0, 100)


def test_heat_map_marks_the_cells_on_the_border_and_no_gap():
    marked = pd.DataFrame([[True, False, None], [False, True, False]])
    axes = heat_maps.heat_map(VALUES, marked=marked, mark_label="on the border").axes[0]
    corners = [p.get_xy().max(axis=0)[0] for p in axes.patches if isinstance(p, Polygon)]
    assert [math.floor(x + 0.5) for x in corners] == [0, 1]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["on the border"]
    unmarked = heat_maps.heat_map(VALUES, marked=marked.eq(2), mark_label="on the border").axes[0]
    assert unmarked.get_legend() is None


def test_heat_map_of_nothing_but_gaps():
    axes = heat_maps.heat_map(VALUES * np.nan).axes[0]
    assert {t.get_text() for t in axes.texts} == {"–"}
