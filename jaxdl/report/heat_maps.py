"""A table of numbers as coloured cells."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from jaxdl.report.dark import contrast
from jaxdl.report.style import WIDTH, house_style, new_figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ONE_LINE, TWO_LINES, BAR = 0.33, 0.52, 4.2
"""Inches of a row of cells, and of the longest bar of colours."""
GAP = "#d9d9d9"
"""The ground of a cell without a number."""


@house_style()
def heat_map(
    values: pd.DataFrame,
    *,
    bounds: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    marked: pd.DataFrame | None = None,
    texts: pd.DataFrame | None = None,
    title: str = "",
    label: str = "",
    mark_label: str = "",
    decimals: int = 1,
    limits: tuple[float, float] | None = None,
) -> "Figure":
    """A table of numbers as coloured, annotated cells; nan cells are grey with a dash.

    values: one number a cell, in the unit that `label` names; the index runs down, columns across
    bounds: low and high of each number's interval, written below it
    marked: True where the cell gets a corner, which `mark_label` explains
    texts: what is written in the cells, in place of their numbers
    limits: of the colours, lowest and highest; by default they span the cells within Tukey's fences
        (1.5 times the interquartile range beyond the quartiles), so that a few hopeless cells do
        not take the contrast from the others. The numbers are exact.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.ticker import MaxNLocator

    width = max(WIDTH, 3.0 + 0.65 * values.shape[1])
    row_height = ONE_LINE if bounds is None else TWO_LINES
    figure = new_figure(1.6 + row_height * len(values), title, width)
    axes = figure.subplots()
    cells = values.to_numpy(float)
    finite = cells[np.isfinite(cells)]
    low, high = limits or _colour_range(finite)
    image = axes.imshow(cells, cmap="cividis", vmin=low, vmax=high, aspect="auto")
    for (row, column), value in np.ndenumerate(cells):
        limit = [float(bound.iat[row, column]) for bound in bounds or ()]
        text = _cell(value, limit, decimals) if texts is None else str(texts.iat[row, column])
        ground = image.to_rgba(value)[:3] if math.isfinite(value) else to_rgb(GAP)
        color = max(("black", "white"), key=lambda ink: contrast(to_rgb(ink), ground))
        axes.text(column, row, text, ha="center", va="center", color=color, linespacing=1.1)
    if marked is not None:
        _corners(figure, axes, marked.eq(True).to_numpy(), mark_label)
    _name_cells(axes, values)
    shrink = min(1.0, BAR / (row_height * len(values)))
    extend = _clipped(finite, low, high)
    bar = figure.colorbar(
        image, label=label, extend=extend, aspect=25, shrink=shrink, anchor=(0, 1), panchor=False
    )
    bar.locator = MaxNLocator(nbins=6, integer=not (finite % 1).any())
    bar.outline.set_visible(False)
    return figure


def _colour_range(values: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value within Tukey's fences; 0 … 1 without values."""
    if not values.size:
        return 0.0, 1.0
    first, third = np.quantile(values, [0.25, 0.75])
    reach = 1.5 * (third - first)
    inside = values[(values >= first - reach) & (values <= third + reach)]
    return float(inside.min()), float(inside.max())


def _clipped(
    values: np.ndarray, low: float, high: float
) -> Literal["neither", "both", "min", "max"]:
    """Which ends of the colour bar stand for more than they show."""
    below, above = bool((values < low).any()), bool((values > high).any())
    return "both" if below and above else "min" if below else "max" if above else "neither"


def _cell(value: float, bounds: Sequence[float], decimals: int) -> str:
    text = f"{value:z.{decimals}f}" if math.isfinite(value) else "–"
    if not bounds or not np.isfinite(bounds).all():
        return text
    return text + "\n" + "…".join(f"{bound:z.{decimals}f}" for bound in bounds)


def _corners(figure: "Figure", axes: "Axes", marked: np.ndarray, label: str) -> None:
    """A triangle of 0.15 inches in the upper right corner of marked cells, explained below them."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Polygon

    width, height = figure.get_size_inches()
    across, down = 0.15 * marked.shape[1] / (width - 2.2), 0.15 * len(marked) / (height - 1.2)
    for row, column in np.argwhere(marked):
        right, top = column + 0.5 - 0.25 * across, row - 0.5 + 0.25 * down
        corner = [(right, top), (right - across, top), (right, top + down)]
        axes.add_patch(Polygon(corner, facecolor="#D55E00", edgecolor="white", linewidth=0.6))
    if label and marked.any():
        shape: Any = [(-1, 1), (1, 1), (1, -1)]  # the corner as it stands in a cell
        key = Line2D([], [], linestyle="none", marker=shape, color="#D55E00", ms=7, label=label)
        axes.legend(handles=[key], loc="upper left", bbox_to_anchor=(0, -0.01), borderaxespad=0.3)


def _name_cells(axes: "Axes", values: pd.DataFrame) -> None:
    axes.set_facecolor(GAP)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_yticks(range(len(values)), [short(name) for name in values.index])
    columns, rotation = _across([short(name) for name in values.columns])
    axes.set_xticks(range(len(columns)), columns, **rotation)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.set_xticks(np.arange(1, len(columns)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(values)) - 0.5, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", color="white", linewidth=1.5)
    if values.index.name:
        axes.set_ylabel(short(values.index.name).replace("_", " "))
    if values.columns.name:
        axes.set_xlabel(short(values.columns.name).replace("_", " "), labelpad=9)
        axes.xaxis.set_label_position("top")


def _across(columns: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Labels that fit side by side: as they are, broken at underscores, or turned."""
    room = 95 // max(1, len(columns))
    broken = [name if len(name) <= room else name.replace("_", "_\n") for name in columns]
    if all(len(part) <= room for name in broken for part in name.split("\n")):
        return broken, {}
    return columns, {"rotation": 25, "ha": "left", "rotation_mode": "anchor"}
