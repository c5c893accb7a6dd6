"""How often whole numbers occur."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from jaxdl.report.style import house_style, line_styles, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@house_style()
def counts(
    values: ArrayLike,
    marks: Mapping[str, ArrayLike],
    *,
    title: str = "",
    x_label: str,
    y_label: str,
    unit: float = 1.0,
) -> "Figure":
    """How often each whole number occurs among `values`, in `unit`s, with marks in rows above."""
    heights = np.bincount(np.asarray(values)) / unit
    figure = new_figure(3.0, title)
    axes = figure.subplots()
    axes.bar(np.arange(len(heights)), heights, color="#999999")
    for row, (name, style) in enumerate(line_styles(list(marks)).items()):
        at = np.asarray(marks[name])
        level = np.full(len(at), heights.max() * (1.08 + 0.08 * row))
        axes.plot(at, level, label=name, **(style | {"linestyle": "none"}))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.legend(loc="center right")
    return figure
