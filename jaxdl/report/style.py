"""The look of every figure, and the way from a figure to a PNG."""

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from jaxdl._text import clean
from jaxdl.report.dark import darkened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120
WIDTH = 9.0
"""Inches; 1,080 pixels, the width of the page."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's palette without its yellow, which is lost on white."""
MARKERS = ("o", "s", "^", "d", "v", "P", "X", "*")
DASHES = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)))
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#777777",
    "axes.grid": True,
    "axes.labelsize": 9.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.07,
    "figure.facecolor": "white",
    "figure.labelsize": 9.5,
    "figure.titlesize": 11.5,
    "figure.titleweight": "bold",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 3.0,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": "#777777",
    "xtick.labelcolor": "#333333",
    "ytick.color": "#777777",
    "ytick.labelcolor": "#333333",
}


@contextmanager
def house_style() -> Iterator[None]:
    """The look of the house, inside the `with` or the decorated function only."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def new_figure(height: float, title: str, width: float = WIDTH) -> "Figure":
    """An empty figure, not registered with pyplot; height and width in inches."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=DPI, layout="constrained")
    if title:
        wrapped = textwrap.fill(drawable(title), int(width * 10))
        figure.suptitle(wrapped, x=0.01, ha="left")
    return figure


def to_png(figure: "Figure") -> bytes:
    """The figure as PNG at 120 dots an inch; the same figure, the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    stream, canvas, dpi = io.BytesIO(), figure.canvas, figure.dpi
    figure.set_dpi(DPI)
    try:
        with house_style():
            # `savefig` draws twice, the first time for the layout alone.
            FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})
    finally:
        figure.set_dpi(dpi)
        figure.set_canvas(canvas)
    return stream.getvalue()


def to_pngs(figure: "Figure") -> tuple[bytes, bytes]:
    """The figure as PNG for light and for dark pages, in the same places."""
    light = to_png(figure)
    layout = figure.get_layout_engine()
    figure.set_layout_engine("none")
    with darkened(figure):
        dark = to_png(figure)
    figure.set_layout_engine(layout)
    return light, dark


def line_styles(names: Sequence[Any]) -> dict[Any, dict[str, Any]]:
    """A colour, a marker and a dash for each name; the first 168 differ in print without colour."""
    return {
        name: {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": DASHES[i % len(DASHES)],
        }
        for i, name in enumerate(names)
    }


def drawable(text: str) -> str:
    """Text from data with U+FFFD for what the font of the figures cannot draw."""
    glyphs = _glyphs()
    return "".join(c if ord(c) in glyphs or c.isspace() else "\ufffd" for c in clean(text))


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(STYLE["font.family"]))
    return frozenset(font.get_charmap())


def short(name: object, limit: int = 22) -> str:
    """A name from data as a label: on one line, at most `limit` characters."""
    text = " ".join(drawable(str(name)).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
