"""Sheets of images: samples, reconstructions, filters, attention."""

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxdl.report.page import Picture
from jaxdl.report.style import WIDTH, house_style, new_figure, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABEL, ROOM, LARGEST = 1.1, 0.3, 1.5
"""Inches of a row's label, around the sheet, and of the largest cell."""
LINE = 20
"""Letters of a line of a row's label."""


def picture(figure: "Figure", caption: str = "") -> Picture:
    """A figure for a page, named and described by its title."""
    title = " ".join(figure.get_suptitle().split())
    return Picture(re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_"), figure, title, caption)


@house_style()
def images(
    images: np.ndarray,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    title: str,
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> "Figure":
    """A sheet of pictures, `[R, C, H, W]` in grey or `[R, C, H, W, 3]` in colour.

    low, high: the values shown as black and white; what is beyond is clipped, nan is blank.
    """
    rows, columns = images.shape[:2]
    cell = min((WIDTH - LABEL) / columns, LARGEST)
    tall = cell * images.shape[2] / images.shape[3]
    figure = new_figure(tall * rows + 2 * ROOM, title, max(cell * columns + LABEL, 4.0))
    shown = np.clip((np.asarray(images, float) - low) / (high - low), 0, 1)
    grid = figure.subplots(rows, columns, squeeze=False)
    for (row, column), axes in np.ndenumerate(grid):
        axes.imshow(shown[row, column], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        if row == 0 and column < len(column_labels):
            axes.set_title(short(column_labels[column], 14), fontsize=8, fontweight="normal")
        if column == 0 and row < len(row_labels):
            lines = textwrap.wrap(short(row_labels[row], 3 * LINE), LINE)
            axes.set_ylabel("\n".join(lines), rotation=0, ha="right", va="center")
    return figure
