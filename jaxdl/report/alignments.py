"""What each token of an output looked at: maps of attention, side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jaxdl.report.style import WIDTH, house_style, new_figure, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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

    Raises ValueError for a map whose names do not fit its weights.
    """
    for each in maps:
        if np.shape(each.weights) != (len(each.outputs), len(each.inputs)):
            raise ValueError(
                f"a map {np.shape(each.weights)} of {len(each.outputs)} outputs and "
                f"{len(each.inputs)} inputs"
            )
    widths = [max(len(each.inputs), 4) for each in maps]
    cell = min(0.4, (WIDTH - 2) / sum(widths))
    figure = new_figure(1.0 + cell * max(len(each.outputs) for each in maps), title)
    panels = figure.subplots(1, len(maps), squeeze=False, width_ratios=widths)[0]
    for axes, each in zip(panels, maps, strict=True):
        image = axes.imshow(each.weights, cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks(range(len(each.inputs)), [short(name) for name in each.inputs])
        axes.set_yticks(range(len(each.outputs)), [short(name) for name in each.outputs])
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(input_label)
    panels[0].set_ylabel(output_label)
    bar = figure.colorbar(image, ax=list(panels), label="attention (1)", aspect=30)
    bar.outline.set_visible(False)
    for axes in panels:
        axes.set_anchor("NW")  # the colour bar has set another one
    return figure
