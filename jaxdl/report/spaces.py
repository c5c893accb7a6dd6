"""Figures of points in a space of several hyperparameters, each on the scale of its search."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from jaxdl.report.panels import Scale, plain, power_of_ten, set_scale
from jaxdl.report.style import COLOURS, house_style, new_figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from jaxdl.sweep.distributions import Distribution

OTHER, GOOD, WINNER = "#a9bccb", COLOURS[1], "#000000"
"""Of all points, of those that come near the best, of the best."""
MANY = 8
"""Values that an axis names one by one."""


class Axis(NamedTuple):
    """A hyperparameter: where its points lie in 0 … 1, and what is written where.

    units: [N]. ticks: places by their labels.
    """

    name: str
    units: np.ndarray
    ticks: dict[str, float]


def axis(name: str, values: pd.Series, searched: "Distribution") -> Axis:
    """The axis of a hyperparameter, from its values [N] and what was searched."""
    units = np.array([searched.to_unit(value) for value in values.tolist()], float)
    return Axis(name, units, {_label(tick): searched.to_unit(tick) for tick in _ticks(searched)})


def _ticks(searched: "Distribution") -> Sequence[Any]:
    from matplotlib.ticker import MaxNLocator

    from jaxdl.sweep.distributions import Choice, Integer, LogUniform

    if isinstance(searched, Choice):
        return list(searched.values)
    low, high = searched.low, searched.high
    if isinstance(searched, Integer) and high - low < MANY:
        return range(int(low), int(high) + 1)
    if isinstance(searched, LogUniform):
        decades = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
        every = max(1, math.ceil(len(decades) / MANY))
        return [10.0**n for n in decades[::every]] if len(decades) > 1 else [low, high]
    places = MaxNLocator(5, integer=isinstance(searched, Integer)).tick_values(low, high)
    return [float(tick) for tick in places if low <= tick <= high]


def _label(tick: Any) -> str:
    if isinstance(tick, float) and tick > 0 and math.log10(tick).is_integer():
        return power_of_ten(tick) if not 0.01 <= tick <= 100 else plain(tick)
    return plain(tick) if isinstance(tick, float) else short(tick, 12)


class Cloud(NamedTuple):
    """Points in a space, each with a number.

    axes: of the hyperparameters. values: [N] of the metric; nan where a seed has none.
    good: [N], true for points that come near the best. winner: the place of the best.
    label, scale: of the metric.
    """

    axes: Sequence[Axis]
    values: np.ndarray
    good: np.ndarray
    winner: int
    label: str
    scale: Scale = "linear"


@house_style()
def parallel(cloud: Cloud, *, title: str) -> "Figure":
    """Each point as a line over an axis for each hyperparameter, and, last, one for the metric.

    A line without a number ends at the foot of the last axis, dotted.
    """
    axes, y, good, winner, label, scale = cloud
    figure = new_figure(4.3, title)
    drawn = figure.subplots()
    last, ticks = _metric(y, scale)
    whole = [*axes, Axis(label, np.where(np.isfinite(last), last, -0.12), ticks)]
    for place, each in enumerate(whole):
        drawn.axvline(place, color="#777777", linewidth=0.8, zorder=3)
        for text, height in each.ticks.items():
            drawn.annotate(
                text, (place, height), (-4, 0), textcoords="offset points", ha="right",
                va="center", fontsize=8, color="#333333", zorder=6,
                bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip
    lines = np.stack([each.units for each in whole])
    order = [*np.flatnonzero(~good), *np.flatnonzero(good & (np.arange(y.size) != winner)), winner]
    for number in order:
        drawn.plot(lines[:, number], **_look(number == winner, good[number], y[number]))
    names = [textwrap.fill(short(each.name.replace("_", " "), 40), 16) for each in whole]
    drawn.set_xticks(range(len(whole)), names)
    drawn.set(yticks=[], xlim=(-0.35, len(whole) - 0.9), ylim=(-0.16, 1.05))
    drawn.tick_params(axis="x", length=0)
    drawn.spines[["left", "bottom"]].set_visible(False)
    drawn.grid(False)
    figure.legend(handles=_keys("-", y), loc="outside lower left", ncols=4)
    return figure


@house_style()
def slices(cloud: Cloud, *, title: str) -> "Figure":
    """The metric of the points along each hyperparameter, a panel each; crosses where it is nan."""
    axes, y, good, winner, label, scale = cloud
    columns = min(4, len(axes))
    rows = math.ceil(len(axes) / columns)
    figure = new_figure(0.9 + 2.5 * rows, title)
    cells = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for cell in cells[len(axes) :]:
        cell.set_axis_off()
    finite = np.isfinite(y)
    for cell, each in zip(cells, axes, strict=False):
        for chosen, color, size in ((~good, OTHER, 4), (good, GOOD, 5)):
            mine = chosen & finite
            cell.plot(each.units[mine], y[mine], "o", color=color, markersize=size, alpha=0.8)
        cell.plot(each.units[winner], y[winner], "*", color=WINNER, markersize=11, mec="white")
        _rug(cell, each.units[~finite])
        places = list(each.ticks.values())
        cell.set_xticks(places, list(each.ticks), rotation=20 * (len("".join(each.ticks)) > 24))
        cell.set_xlim(-0.04, 1.04)
        cell.set_xlabel(short(each.name.replace("_", " ")))
    set_scale(cells[0], "y", scale if (y[finite] > 0).all() else "linear")
    figure.supylabel(label)
    figure.legend(handles=_keys("o", y), loc="outside lower left", ncols=4)
    return figure


def _rug(axes: "Axes", units: np.ndarray) -> None:
    """Marks at the foot of a panel: where there is no number."""
    foot = axes.get_xaxis_transform()
    axes.plot(units, np.full(units.shape, 0.02), "x", color="#777777", markersize=4, transform=foot)


def _metric(values: np.ndarray, scale: Scale) -> tuple[np.ndarray, dict[str, float]]:
    """Where values lie in 0 … 1, the largest highest, and ticks there."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    finite = values[np.isfinite(values)]
    log = scale == "log" and bool((finite > 0).all())
    drawn = np.log(np.where(finite > 0, finite, 1.0)) if log else finite
    low, high = float(drawn.min()), float(drawn.max())
    width = (high - low) or 1.0
    locator = LogLocator(subs=(1, 2, 5), numticks=6) if log else MaxNLocator(5)
    places = locator.tick_values(finite.min(), finite.max())
    inside = [float(p) for p in places if finite.min() <= p <= finite.max()]
    height = {plain(p): ((math.log(p) if log else p) - low) / width for p in inside}
    with np.errstate(invalid="ignore", divide="ignore"):
        units = ((np.log(values) if log else values) - low) / width
    return units, height


def _look(best: bool, good: bool, value: float) -> dict[str, Any]:
    if best:
        return {"color": WINNER, "linewidth": 2.2, "zorder": 5}
    if good:
        return {"color": GOOD, "linewidth": 1.1, "alpha": 0.8, "zorder": 4}
    dash = "-" if math.isfinite(value) else ":"
    return {"color": OTHER, "linewidth": 0.8, "alpha": 0.7, "zorder": 2, "linestyle": dash}


def _keys(mark: str, values: np.ndarray) -> list[Any]:
    """The legend: of lines, or of dots."""
    from matplotlib.lines import Line2D

    dots = mark == "o"
    looks: list[dict[str, Any]] = [
        {"label": "the winner", "color": WINNER, "marker": "*" if dots else "", "markersize": 10},
        {"label": "near it", "color": GOOD, "marker": mark if dots else ""},
        {"label": "the others", "color": OTHER, "marker": mark if dots else ""},
    ]
    for look in looks:
        look["linestyle"] = "none" if dots else "-"
    if not np.isfinite(values).all():
        lost = {"marker": "x", "linestyle": "none"} if dots else {"linestyle": ":"}
        looks.append({"label": "no number of a seed", "color": "#777777", **lost})
    return [Line2D([], [], **look) for look in looks]
