"""Signals and gradients module by module. Glorot & Bengio 2010, figures 2 to 9."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxdl.report.page import Picture
from jaxdl.report.panels import set_scale
from jaxdl.report.pictures import picture
from jaxdl.report.style import house_style, line_styles, new_figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOMENTS = {
    "output": "outputs (second moment)",
    "backward": "∂loss/∂outputs (second moment)",
    "gradient": "∂loss/∂parameters (second moment)",
}
SHARES = {"dead": "dead units (%)", "saturated": "saturated outputs (%)"}
ROOM = 12
"""Names of modules that fit below a panel."""


def gradient_flow(
    flows: Mapping[str, pd.DataFrame],
    *,
    expected: Mapping[str, pd.DataFrame] | None = None,
    title: str,
) -> Picture:
    """What goes forward and back through the modules of any Flax model, one line a flow.

    flows: frames of `diagnostics.flow_frame` by name, of initializers or steps, say; frames of
        several seeds are concatenated. The modules stand in the order in which they first appear.
    expected: frames with some of the columns, what theory says; dotted.
    A line is the mean over seeds, of moments the geometric one, its band runs from the lowest to
    the highest. A module without parameters has no gradient by them. Raises ValueError where there
    is nothing to draw.
    """
    modules = list(dict.fromkeys(name for frame in flows.values() for name in frame.index))
    if not modules:
        raise ValueError("flows: there is no module to draw")
    figure = _drawn(modules, flows, expected or {}, title)
    return picture(figure, "Lines: mean over the seeds, geometric of moments; bands: all seeds.")


@house_style()
def _drawn(
    modules: list[str],
    flows: Mapping[str, pd.DataFrame],
    expected: Mapping[str, pd.DataFrame],
    title: str,
) -> "Figure":
    figure = new_figure(6.6, title)
    cells = figure.subplots(3, 2, sharex=True).ravel()
    styles: dict[str, dict[str, Any]] = line_styles(list(flows))
    dotted = {"linestyle": ":", "marker": "", "color": "#555555"}
    shown = [(name, frame, styles[name]) for name, frame in flows.items()]
    shown += [(name, frame, dotted) for name, frame in expected.items()]
    for axes, (quantity, label) in zip(cells, (MOMENTS | SHARES).items(), strict=False):
        axes.set_title(label, loc="left")
        for name, frame, style in shown:
            _line(axes, modules, frame, quantity, style | {"label": short(name, 40)})
        if quantity in SHARES:
            axes.set_ylim(-4, 104)
        elif any(np.nanmax(line.get_ydata(), initial=0) > 0 for line in axes.lines):
            set_scale(axes, "y", "log")
    every = -(-len(modules) // ROOM)
    for axes in cells[3:5]:
        axes.tick_params(labelbottom=True)
        axes.set_xticks(range(0, len(modules), every), [short(name) for name in modules[::every]])
        axes.tick_params(axis="x", rotation=60)
    handles, labels = cells[0].get_legend_handles_labels()
    cells[5].set_axis_off()
    cells[5].legend(handles, labels, loc="upper left")
    return figure


def _line(
    axes: "Axes", modules: list[str], frame: pd.DataFrame, quantity: str, style: dict[str, Any]
) -> None:
    """One quantity of a flow, nan where a module or the whole column is missing."""
    columns = [f"{quantity}_mean", f"{quantity}_std"] if quantity in MOMENTS else [quantity]
    values = frame.reindex(columns=columns).astype(float)
    if quantity in MOMENTS:
        squares = np.square(values).sum(axis=1, skipna=False)
        rows = np.exp(_bounds(np.log(squares.where(squares > 0)))).reindex(modules)
    else:
        rows = _bounds(100 * values[quantity]).reindex(modules)
    places = np.arange(len(modules))
    axes.fill_between(places, rows["min"], rows["max"], color=style["color"], alpha=0.15, lw=0)
    axes.plot(places, rows["mean"], markevery=max(1, len(modules) // 8), **style)


def _bounds(values: pd.Series) -> pd.DataFrame:
    """Mean, lowest and highest over the seeds of each module."""
    return values.groupby(level=0).agg(["mean", "min", "max"])
