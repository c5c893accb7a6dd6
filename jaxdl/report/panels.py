"""Small multiples: the same kind of axes once a panel, the same lines in each."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from jaxdl.report.style import line_styles, new_figure, short

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase
    from matplotlib.gridspec import GridSpec

Scale = Literal["linear", "log"]
Panels = dict[Any, list["Axes"]]


def small_multiples(
    frame: pd.DataFrame,
    x: str,
    y: str,
    panel: str,
    line: str,
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_scale: Scale,
    y_scale: Scale,
    marker_every: int | float,
    heights: Sequence[float] = (2.1,),
    keys: Sequence["Artist"] = (),
) -> tuple["Figure", Panels]:
    """One panel per `panel`, one line per `line`: mean over seeds, band from lowest to highest.

    marker_every: one each so many points (int), or each such part of a panel's diagonal (float)
    heights: inches of a panel, and of the strips below it, which share its x axis
    keys: further entries of the legend
    Returns the figure and its axes by panel: the panel's own, then its strips', still empty. All
    panels share the y axis.
    """
    from matplotlib.patches import Patch

    panel_names, styles = names(frame, panel), line_styles(names(frame, line))
    band = Patch(color="#777777", alpha=0.3, linewidth=0, label="lowest to highest seed")
    of_seeds = [band] if frame["seed"].nunique() > 1 else []
    figure, part, cells = _layout(
        len(panel_names), heights, title, [*_line_keys(styles), *of_seeds, *keys], line
    )
    panels = dict(zip(panel_names, cells, strict=True))
    table = bands(frame, x, y, panel, line)
    for name, (axes, *_) in panels.items():
        axes.set_title(short(name), loc="left")
        _draw_lines(axes, table[table[panel] == name], x, line, styles, marker_every)
        set_scale(axes, "x", x_scale)
    # Where everything diverged there is nothing to put on a logarithmic axis.
    positive = (table["mean"] > 0).any()
    set_scale(cells[0][0], "y", y_scale if positive else "linear")
    if y_scale == "log" and positive:
        _leave_out_extremes(cells[0][0], table["mean"])
    part.supxlabel(x_label)
    part.supylabel(y_label)
    return figure, panels


def _layout(
    count: int, heights: Sequence[float], title: str, keys: Sequence["Artist"], key_title: str
) -> tuple["Figure", "FigureBase", list[list["Axes"]]]:
    """A figure, the part of it with the panels, and `count` cells, up to four a row.

    The legend stands in the cells left over, or below the panels where none is.
    """
    columns = min(4, count)
    rows, depth = math.ceil(count / columns), len(heights)
    area = 0.9 + rows * (sum(heights) + 0.5)
    heading = short(key_title.replace("_", " "))
    if rows * columns > count:
        figure = new_figure(area, title)
        grid = figure.add_gridspec(rows * depth, columns, height_ratios=[*heights] * rows)
        row, column = divmod(count, columns)
        empty = figure.add_subplot(grid[row * depth : (row + 1) * depth, column:])
        empty.set_axis_off()
        empty.legend(
            handles=keys, title=heading, loc="upper left", alignment="left", borderaxespad=0
        )
        return figure, figure, _cells(figure, grid, count, depth)
    below = 0.35 + 0.2 * math.ceil(len(keys) / 4)
    figure = new_figure(area + below, title)
    parts: Any = figure.subfigures(2, 1, height_ratios=(area, below))
    top, foot = parts
    foot.legend(handles=keys, title=heading, loc="upper center", ncols=4, borderaxespad=0)
    grid = top.add_gridspec(rows * depth, columns, height_ratios=[*heights] * rows)
    return figure, top, _cells(top, grid, count, depth)


def _cells(part: "FigureBase", grid: "GridSpec", count: int, depth: int) -> list[list["Axes"]]:
    """Axes of each panel and, below it, of its strips; tick labels on the outer ones."""
    cells: list[list[Axes]] = []
    for index in range(count):
        row, column = divmod(index, grid.ncols)
        axes = part.add_subplot(grid[row * depth, column], sharey=cells[0][0] if cells else None)
        axes.tick_params(labelleft=column == 0)
        cells.append([axes])
        for strip in range(row * depth + 1, (row + 1) * depth):
            cells[-1].append(part.add_subplot(grid[strip, column], sharex=axes))
            axes.tick_params(axis="x", which="both", length=0, labelbottom=False)
    return cells


def names(frame: pd.DataFrame, column: str) -> list[Any]:
    """The values of a column in their order of appearance."""
    return list(dict.fromkeys(frame[column]))


def bands(frame: pd.DataFrame, x: str, y: str, panel: str, line: str) -> pd.DataFrame:
    """Mean, min and max of `y` over the rows of each (panel, line, x); nan where one is not finite.

    Returns the columns `panel`, `line`, `x`, `mean`, `min`, `max`, in the order of x in a line.
    """
    keys = [frame[panel], frame[line], frame[x]]
    grouped = _whole(frame[y], keys).groupby(keys, observed=True)
    return grouped.agg(["mean", "min", "max"]).reset_index()


def _whole(values: pd.Series, groups: Sequence[pd.Series]) -> pd.Series:
    """The values, all nan in a group where one is not finite."""
    value = values.astype(float)
    broken = (~np.isfinite(value)).groupby(list(groups), observed=True).transform("any")
    return value.mask(broken)


def windows(frame: pd.DataFrame, x: str, y: str, keys: Sequence[str], points: int) -> pd.DataFrame:
    """Each curve as the means of at most `points` windows of equally many values of x.

    frame: one row a curve (named by `keys`) and x. Losses of single batches are noise, and zeros
    among them have no logarithm; their means over windows are neither. A value that is not finite
    makes its window nan. Returns `keys`, `x` (the mean of the window) and `y`.
    """
    values = np.sort(frame[x].unique())
    size = math.ceil(len(values) / points)
    window = pd.Series(np.searchsorted(values, frame[x]) // size, frame.index, name="window")
    groups = [*(frame[key] for key in keys), window]
    means = frame.assign(**{y: _whole(frame[y], groups)}).groupby(groups, sort=False, observed=True)
    return means[[x, y]].mean().reset_index()


def _draw_lines(
    axes: "Axes",
    table: pd.DataFrame,
    x: str,
    line: str,
    styles: Mapping[Any, dict[str, Any]],
    marker_every: int | float,
) -> None:
    for position, (name, style) in enumerate(styles.items()):
        rows = table[table[line] == name]
        if not np.isfinite(rows["mean"]).any():
            continue
        every: float | tuple[float, float] = marker_every
        if isinstance(marker_every, float):
            every = (marker_every * position / len(styles), marker_every)
        axes.fill_between(
            rows[x], rows["min"], rows["max"], color=style["color"], alpha=0.15, linewidth=0
        )
        axes.plot(rows[x], rows["mean"], markevery=every, **style)


def set_scale(axes: "Axes", which: Literal["x", "y"], scale: Scale) -> None:
    """A linear axis, or a logarithmic one with powers of ten, on a short one with others too."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    if scale == "linear":
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        return
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axis.get_view_interval()
    if high < low * (1 + 1e-9):  # equal but for rounding, which Matplotlib would draw
        low, high = low / 1.1, high * 1.1
        (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    long = high / low >= 50
    between = () if long else (3.0,) if high / low >= 10 else (2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=(1.0, *between), numticks=6))
    axis.set_major_formatter(FuncFormatter(power_of_ten if long else plain))
    axis.set_minor_locator(NullLocator())  # half of the drawing would be theirs


def _leave_out_extremes(axes: "Axes", values: pd.Series) -> None:
    """Ends a logarithmic y axis at Tukey's outer fences, if something lies beyond them.

    Three interquartile ranges beyond the quartiles, in decades: a line on its way to infinity is
    not to press all others flat.
    """
    decades = np.log10(values[np.isfinite(values) & (values > 0)])
    first, third = np.quantile(decades, [0.25, 0.75])
    reach = 3 * (third - first)
    if reach < 1e-9:  # rounding, which tells no extremes
        return
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 10 ** (first - reach)), min(high, 10 ** (third + reach)))


def power_of_ten(value: float, position: int | None = None) -> str:
    """10⁻³ for 0.001: the label of a decade, with superscripts that any text can hold."""
    exponent = str(round(math.log10(value)))
    return "10" + exponent.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def plain(value: float, position: int | None = None) -> str:
    """The label of a tick as it is read aloud."""
    return f"{value:g}"


def _line_keys(styles: Mapping[Any, dict[str, Any]]) -> list["Artist"]:
    from matplotlib.lines import Line2D

    return [Line2D([], [], label=short(name), **style) for name, style in styles.items()]
