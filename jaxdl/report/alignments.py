"""What each token of an output looked at: maps of attention, side by side."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jaxdl.report.style import WIDTH, house_style, new_figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTER = 0.085
"""Inches of a letter of a name, on average."""


class Alignment(NamedTuple):
    """One map: weights `[T, N]`, 0 … 1, of T outputs over N inputs."""

    weights: np.ndarray
    outputs: Sequence[str]
    inputs: Sequence[str]


@house_style()
def alignments(
    maps: Sequence[Alignment], *, title: str, output_label: str, input_label: str
) -> "Figure":
    """One panel a map: outputs down, inputs across, the colour from 0 to 1 in all of them.

    Names of inputs that are too long to stand side by side are turned, and where not all names have
    room, one in so many is written. Raises ValueError for a map whose names do not fit its weights.
    """
    for each in maps:
        if np.shape(each.weights) != (len(each.outputs), len(each.inputs)):
            raise ValueError(
                f"a map {np.shape(each.weights)} of {len(each.outputs)} outputs and "
                f"{len(each.inputs)} inputs"
            )
    widths = [max(len(each.inputs), 4) for each in maps]
    beside = sum(_inches(each.outputs) for each in maps)
    cell = min(0.4, max(WIDTH - 1.5 - beside, 1) / sum(widths))
    above = max(_inches(each.inputs) for each in maps)
    turned = above > cell
    height = 1.0 + cell * max(len(each.outputs) for each in maps)
    figure = new_figure(height + above * turned, title)
    panels = figure.subplots(1, len(maps), squeeze=False, width_ratios=widths)[0]
    for axes, each in zip(panels, maps, strict=True):
        image = axes.imshow(each.weights, cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks(range(len(each.inputs)), [short(name) for name in each.inputs])
        axes.set_yticks(range(len(each.outputs)), [short(name) for name in each.outputs])
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.tick_params(axis="x", rotation=90 * turned)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(input_label)
    panels[0].set_ylabel(output_label)
    bar = figure.colorbar(image, ax=list(panels), label="attention (1)", aspect=30)
    bar.outline.set_visible(False)
    for axes in panels:
        axes.set_anchor("NW")  # the colour bar has set another one
    figure.draw_without_rendering()
    for axes in panels:
        _thin(axes)
    return figure


def _inches(names: Sequence[str]) -> float:
    """About how long the longest of the names is."""
    return LETTER * max(len(short(name)) for name in names)


def _thin(axes: "Axes") -> None:
    """Writes one name in so many that none overlaps another; the figure has been drawn."""
    right, down = abs(axes.transData.transform((1, 1)) - axes.transData.transform((0, 0)))
    for axis, cell, side in ((axes.xaxis, right, "width"), (axes.yaxis, down, "height")):
        labels = axis.get_ticklabels()
        room = max(getattr(label.get_window_extent(), side) for label in labels)
        step = math.ceil(room / cell)
        axis.set_ticks(range(0, len(labels), step), [label.get_text() for label in labels[::step]])
