"""Figures of a sweep: heat map, sensitivity to a rate, training curves.

Every function returns a Matplotlib `Figure` that nobody else knows of: no pyplot, no window, no
global setting is changed. Names from data are shown as they are, `$` included. Matplotlib is
imported by the first call.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from jaxdl.report.panels import Scale, names, small_multiples, windows
from jaxdl.report.style import COLOURS, WIDTH, house_style, line_styles, new_figure, short
from jaxdl.report.tables import measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from jaxdl.report.claims import Judged


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
    width = max(WIDTH, 3.0 + 0.65 * values.shape[1])
    figure = new_figure(1.6 + 0.52 * len(values), title, width)
    axes = figure.subplots()
    cells = values.to_numpy(float)
    finite = cells[np.isfinite(cells)]
    low, high = limits or _colour_range(finite)
    image = axes.imshow(cells, cmap="cividis", vmin=low, vmax=high, aspect="auto")
    for (row, column), value in np.ndenumerate(cells):
        limit = [float(bound.iat[row, column]) for bound in bounds or ()]
        text = _cell(value, limit, decimals) if texts is None else str(texts.iat[row, column])
        color = "white" if value < (low + high) / 2 else "black"
        axes.text(column, row, text, ha="center", va="center", color=color, linespacing=1.1)
    if marked is not None:
        _corners(figure, axes, marked.eq(True).to_numpy(), mark_label)
    _name_cells(axes, values)
    bar = figure.colorbar(image, label=label, extend=_clipped(finite, low, high), aspect=30)
    bar.outline.set_visible(False)
    return figure


@house_style()
def sensitivity(
    frame: pd.DataFrame,
    *,
    x: str = "learning_rate",
    y: str = "validation_accuracy",
    panel: str = "optimizer",
    line: str = "initializer",
    title: str = "",
    x_label: str = "learning rate (log scale)",
    y_label: str = "validation accuracy (1)",
    x_scale: Scale = "log",
    y_scale: Scale = "linear",
) -> "Figure":
    """A metric against a rate: one panel per `panel`, one line per `line`, bands over seeds.

    frame: one row a trial, with `seed` and `status`. A line is the mean over seeds, its band runs
    from the lowest to the highest; both are broken at a rate where a seed did not end `ok`. A
    strip below each panel shows where trials diverged: an open mark for some seeds, a filled one
    for all.
    """
    value = frame[y].astype(float).where(frame["status"].eq("ok"))
    diverged, styles = frame["status"].eq("diverged"), line_styles(names(frame, line))
    figure, panels = small_multiples(
        frame.assign(**{y: value}),
        x,
        y,
        panel,
        line,
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_scale=x_scale,
        y_scale=y_scale,
        marker_every=1,
        heights=(2.1, 0.05 + 0.085 * len(styles)) if diverged.any() else (2.1,),
        keys=_diverged_keys() if diverged.any() else (),
    )
    share = diverged.astype(float).groupby([frame[panel], frame[line], frame[x]]).mean()
    for name, (_, *strips) in panels.items():
        for strip in strips:
            _diverged_strip(strip, share[name], styles)
    return figure


@house_style()
def training_curves(
    frame: pd.DataFrame,
    *,
    x: str = "step",
    y: str = "loss",
    panel: str = "optimizer",
    line: str = "initializer",
    title: str = "",
    x_label: str = "training step",
    y_label: str = "training loss (nats)",
    y_scale: Scale = "log",
    points: int = 25,
) -> "Figure":
    """Curves of trials: one panel per `panel`, one line per `line`, bands over seeds.

    frame: one row a trial (`panel`, `line`, `seed`) and step. Each trial's curve is first reduced
    to the means of at most `points` windows of steps. A line is the mean over seeds, its band runs
    from the lowest to the highest; both are broken where a seed's loss is not finite.
    """
    figure, _ = small_multiples(
        windows(frame, x, y, [panel, line, "seed"], points),
        x,
        y,
        panel,
        line,
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_scale="linear",
        y_scale=y_scale,
        marker_every=0.3,
    )
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


@house_style()
def intervals(claims: "Sequence[Judged]", names: Sequence[str], *, title: str = "") -> "Figure":
    """Estimates with their intervals, one row a claim, a bar at each threshold.

    The claims share quantity and unit, which name the axis; `names` label the rows. Fractions are
    drawn times 100 where they are printed so.
    """
    figure = new_figure(1.2 + 0.38 * len(claims), title)
    axes = figure.subplots()
    for row, claim in enumerate(claims):
        low, high, measured, threshold = (
            (100 if claim.shown else 1) * value
            for value in (*claim.interval, claim.measured, claim.threshold)
        )
        axes.plot([low, high], [row, row], color=COLOURS[0], linewidth=2.2)
        axes.plot(measured, row, "o", color=COLOURS[0], markersize=6)
        axes.plot(threshold, row, "|", color=COLOURS[1], markersize=16, markeredgewidth=2.2)
    axes.plot([], [], "o-", color=COLOURS[0], label=f"measured, {claims[0].method}")
    axes.plot([], [], "|", color=COLOURS[1], markersize=12, markeredgewidth=2.2, label="threshold")
    axes.set_yticks(range(len(names)), [short(name, 40) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.set_xlabel(measure(claims[0].quantity, claims[0].shown or claims[0].unit))
    figure.legend(loc="outside lower left", ncols=2)
    return figure


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
    axes.set_facecolor("#d9d9d9")
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


def _diverged_strip(strip: "Axes", share: pd.Series, styles: Mapping[Any, dict[str, Any]]) -> None:
    """One row a line: where some or all trials diverged. share: [(line, x)] in 0 … 1."""
    for position, (name, style) in enumerate(styles.items()):
        rows = share[name] if name in share else share.iloc[:0]
        for rate, part in rows[rows > 0].items():
            face = style["color"] if part == 1 else "white"
            strip.plot(
                rate, -position, style["marker"], color=style["color"], mfc=face, markersize=4
            )
    strip.set_ylim(-len(styles) + 0.3, 0.7)
    strip.set_yticks([])
    strip.set_facecolor("#f4f4f4")
    strip.spines["left"].set_visible(False)


def _diverged_keys() -> list[Any]:
    from matplotlib.lines import Line2D

    grey: dict[str, Any] = {"color": "#555555", "marker": "o", "linestyle": "none", "markersize": 4}
    return [
        Line2D([], [], label="strip: some seeds diverged", mfc="white", **grey),
        Line2D([], [], label="strip: all seeds diverged", **grey),
    ]


@house_style()
def lines(
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    line: str,
    panel: str | None = None,
    title: str = "",
    x_label: str,
    y_label: str,
    x_scale: Scale = "log",
    y_scale: Scale = "log",
    points: int = 40,
    references: Mapping[str, Callable[[np.ndarray], Any]] | None = None,
) -> "Figure":
    """Any number along any other: one panel per `panel`, one line per `line`, bands over seeds.

    frame: one row per `panel`, `line`, seed and x; without a panel all lines share one.
    points: of a line with more values of x about so many are drawn, evenly along its logarithm.
    references: known functions of x, a number or one per x, dotted in each panel, by name.
    """
    from matplotlib.lines import Line2D

    dotted: dict[str, Any] = {"linestyle": ":", "linewidth": 1.6}
    shades = dict(zip(references or {}, ("#555555", "#a0a0a0", "#000000"), strict=False))
    shown = frame.assign(panel="") if panel is None else frame
    panel = panel or "panel"
    figure, panels = small_multiples(
        _thinned(shown, x, [panel, line], points),
        x,
        y,
        panel,
        line,
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_scale=x_scale,
        y_scale=y_scale,
        marker_every=1 if frame[x].nunique() <= 10 else 0.2,
        heights=(3.4 if shown[panel].nunique() == 1 else 2.1,),
        keys=[Line2D([], [], label=n, color=shade, **dotted) for n, shade in shades.items()],
    )
    for name, (axes, *_) in panels.items():
        along = np.sort(shown.loc[shown[panel].eq(name), x].unique())
        for reference, shade in shades.items():
            values = (references or {})[reference](along)
            axes.plot(along, np.broadcast_to(values, along.shape), color=shade, **dotted)
    return figure


def _thinned(frame: pd.DataFrame, x: str, keys: Sequence[str], points: int) -> pd.DataFrame:
    """Of each line the rows at about so many of its values of x, evenly by the log of their rank.

    The first and the last are among them.
    """
    groups = frame.groupby([frame[key] for key in keys], sort=False, observed=True)
    rank = groups[x].rank("dense")
    last = rank.groupby([frame[key] for key in keys], observed=True).transform("max")
    kept = pd.Series(False, frame.index)
    for count in last.unique():
        places = np.unique(np.geomspace(1, count, points).round())
        kept |= last.eq(count) & (rank.isin(places) | (count <= points))
    return frame[kept]


@house_style()
def dots(
    panels: Mapping[str, Mapping[str, ArrayLike]],
    *,
    title: str = "",
    reference: float | None = None,
) -> "Figure":
    """Scores of a few methods: a panel a measure, a row a method, a dot a seed, a bar at the mean.

    panels: `{measure: {method: scores of its seeds}}`, methods in the same order in each; the
        measure, with its unit, names the axis. A method without a seed has one score.
    reference: where a dotted line is drawn, such as chance.
    """
    rows = list(next(iter(panels.values())))
    figure = new_figure(1.3 + 0.28 * len(rows), title)
    for place, (measured, scores) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), place + 1)
        for row, (name, look) in enumerate(line_styles(rows).items()):
            values = np.atleast_1d(np.asarray(scores[name], np.float64))
            mark = look | {"linestyle": "none"}
            axes.plot(values, [row] * len(values), **mark, alpha=0.75)
            axes.plot(values.mean(), row, "|", color=look["color"], ms=15, mew=1.8)
        if reference is not None:
            axes.axvline(reference, color="#555555", linestyle=":")
        axes.set_yticks(range(len(rows)), [short(name, 40) for name in rows] if not place else [])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(measured)
    return figure
