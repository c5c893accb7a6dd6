"""Ways of optimizers over a function of two numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from jaxdl.report.style import WIDTH, house_style, new_figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = 14
"""Of height, each over as much of the window as the next."""
ON_BLUE = ("#D55E00", "#000000", "#CC79A7", "#009E73")
"""Colours of ways that are seen on the filled levels."""


@house_style()
def trajectories(
    value: Callable[[np.ndarray, np.ndarray], ArrayLike],
    panels: Mapping[str, Sequence[np.ndarray]],
    optima: np.ndarray,
    *,
    title: str,
) -> "Figure":
    """Ways over filled levels of `value(x, y)`: a panel a name, up to four a row.

    panels: of each, ways `[steps, 2]`: a circle at the start, a cross at the end; what is not
        finite is not drawn. optima: `[M, 2]`, stars.
    The window holds starts and optima, and reaches as far as half of the ways do.
    """
    ways = [way for each in panels.values() for way in each]
    (left, right), (down, up) = _window(ways, np.asarray(optima))
    grid = np.meshgrid(np.linspace(left, right, 240), np.linspace(down, up, 240))
    height = np.asarray(value(*grid), float)
    levels = np.unique(np.quantile(height, np.linspace(0, 1, LEVELS + 1)))
    columns = min(4 if len(panels) > 3 else 3, len(panels))
    rows = math.ceil(len(panels) / columns)
    side = min(3.2, (WIDTH - 0.4) / columns)
    figure = new_figure(0.7 + rows * (side + 0.25), title, max(columns * side + 0.4, 4.5))
    cells = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in cells[len(panels) :]:
        axes.set_axis_off()
    for axes, (name, each) in zip(cells, panels.items(), strict=False):
        axes.contourf(*grid, height, levels=levels, cmap="Blues_r", alpha=0.75)
        axes.contour(*grid, height, levels=levels, colors="white", linewidths=0.4)
        for way, color in zip(each, ON_BLUE, strict=False):
            _draw_way(axes, way, color)
        axes.plot(*np.asarray(optima).T, "*", color="#F0E442", mec="black", mew=0.7, ms=11)
        axes.set_title(short(name, 30), loc="left", fontsize=9)
        axes.set(xlim=(left, right), ylim=(down, up))
        axes.grid(False)
    figure.supxlabel("x")
    figure.supylabel("y")
    return figure


def _draw_way(axes: "Axes", way: np.ndarray, color: str) -> None:
    way = way[np.isfinite(way).all(axis=1)]
    x, y = way.T
    axes.plot(x, y, color=color, linewidth=1.1, marker=".", markersize=2.2, alpha=0.85)
    axes.plot(x[0], y[0], "o", color=color, markersize=6, mfc="white", mew=1.4)
    axes.plot(x[-1], y[-1], "X", color=color, markersize=7.5, mec="white", mew=0.9)


def _window(ways: Sequence[np.ndarray], optima: np.ndarray) -> list[tuple[float, float]]:
    """The ends of x and of y: starts, optima, and as far as half of the ways go."""
    whole = [way[np.isfinite(way).all(axis=1)] for way in ways]
    core = np.concatenate([optima, *(way[:1] for way in whole)])
    low, high = core.min(axis=0), core.max(axis=0)
    most = 2 * (high - low).max()
    far = np.median([way.min(axis=0) for way in whole], axis=0)
    low = np.minimum(low, np.maximum(far, low - most))
    far = np.median([way.max(axis=0) for way in whole], axis=0)
    high = np.maximum(high, np.minimum(far, high + most))
    room = 0.1 * np.maximum(high - low, 0.1 * (high - low).max())
    return list(zip((low - room).tolist(), (high + room).tolist(), strict=True))
