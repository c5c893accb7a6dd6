"""Ways of optimizers over a function of two numbers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from jaxdl.report.style import COLOURS, house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@house_style()
def paths(
    value: Callable[[np.ndarray, np.ndarray], ArrayLike],
    panels: Mapping[str, Sequence[np.ndarray]],
    *,
    title: str,
    across: tuple[float, float],
    up: float,
) -> "Figure":
    """Level lines of `value(x, y)` and ways over them: a panel a name, both axes in one unit.

    panels: of each, ways `[steps, 2]`: a circle at the start, a dot at each step, a cross at the
        end. Darker level lines are lower.
    across: the ends of x. up: y goes from −up to up, further where a way does.
    """
    left, right = across
    ways = [way for each in panels.values() for way in each]
    up = max(up, *(1.05 * np.abs(way[:, 1]).max() for way in ways))
    grid = np.meshgrid(np.linspace(left, right, 400), np.linspace(-up, up, 120))
    height = np.asarray(value(*grid))
    levels = np.quantile(height, np.linspace(0, 1, 16))
    figure = new_figure(0.9 + len(panels) * (9.0 * 2 * up / (right - left) + 0.35), title)
    cells = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, each) in zip(cells, panels.items(), strict=True):
        axes.contour(*grid, height, levels=levels, cmap="Greys_r", linewidths=0.7)
        for way, color in zip(each, COLOURS, strict=False):
            x, y = way.T
            axes.plot(x, y, color=color, linewidth=0.9, marker=".", markersize=3, alpha=0.9)
            axes.plot(x[0], y[0], "o", color=color, markersize=7, mfc="white")
            axes.plot(x[-1], y[-1], "X", color=color, markersize=8, mec="white")
        axes.set_title(name, loc="left")
        axes.set_aspect("equal")
        axes.set(xlim=across, ylim=(-up, up))
        axes.grid(False)
    figure.supxlabel("x (unit of length)")
    figure.supylabel("y (unit of length)")
    return figure
