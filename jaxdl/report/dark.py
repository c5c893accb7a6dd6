"""A figure as it looks on a dark page: the same figure with other inks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER, INK = "#16181c", "#e6e8eb"
"""What becomes of white and of black."""
NEUTRAL = 0.08
"""Largest less smallest of red, green and blue, 0 … 1, below which a colour is a grey."""
READABLE = 4.5
"""Contrast of ordinary text on its ground, by WCAG 2.1 (success criterion 1.4.3)."""
PARTS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
"""Properties of Matplotlib's artists that are inks."""


def luminance(rgb: ArrayLike) -> float:
    """Relative luminance of a colour, 0 (black) … 1 (white). rgb: 0 … 1, sRGB. WCAG 2.1."""
    values = np.asarray(rgb, float)
    linear = np.where(values <= 0.03928, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: ArrayLike, other: ArrayLike) -> float:
    """Contrast of two colours, 1 (none) … 21 (black on white). WCAG 2.1."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@cache
def on_dark(rgba: tuple[float, ...]) -> tuple[float, ...]:
    """A colour of a light figure as it is on dark paper, 0 … 1, its opacity kept.

    Greys are turned over between `INK` and `PAPER`; other colours are lightened until they can be
    read there, and keep their hue.
    """
    from matplotlib.colors import to_rgb

    rgb, alpha = np.array(rgba[:3]), rgba[3:]
    paper, ink = np.array(to_rgb(PAPER)), np.array(to_rgb(INK))
    if np.ptp(rgb) < NEUTRAL:
        return (*(ink + (paper - ink) * rgb.mean()), *alpha)
    lighter = (rgb + (1 - rgb) * step for step in np.linspace(0, 1, 41))
    return (*next(shade for shade in lighter if contrast(shade, paper) >= READABLE), *alpha)


@contextmanager
def darkened(figure: "Figure") -> Iterator["Figure"]:
    """The figure, which has been drawn before, in its inks for dark paper; they go with the `with`.

    What stands on a map of colours or on an image is left as it is: it was chosen for that ground.
    """
    from matplotlib.axes import Axes

    mapped = [part for part in figure.findobj(Axes) if isinstance(part, Axes) and _is_mapped(part)]
    kept = {id(part) for axes in mapped for part in _on_the_ground(axes)}
    artists = [part for part in (*figure.findobj(), *_ticks(figure)) if id(part) not in kept]
    inks = [ink for artist in artists for ink in _inks(artist)]
    for setter, before in inks:
        setter(_turned(before))
    try:
        yield figure
    finally:
        for setter, before in inks:
            setter(before)


def _is_mapped(axes: "Axes") -> bool:
    """Whether there is an image, or a map of colours, on the ground of the axes."""
    return bool(axes.images) or any(part.get_array() is not None for part in axes.collections)


def _on_the_ground(axes: "Axes") -> Iterator["Artist"]:
    yield axes.patch
    for part in (*axes.images, *axes.collections, *axes.lines, *axes.patches, *axes.texts):
        yield from part.findobj()


def _ticks(figure: "Figure") -> Iterator["Artist"]:
    """Parts of all ticks, those too that are not shown at the figure's own resolution."""
    from matplotlib.axis import Axis

    for axis in figure.findobj(Axis):
        assert isinstance(axis, Axis)
        for tick in (*axis.majorTicks, *axis.minorTicks):
            yield from tick.findobj()


def _inks(artist: "Artist") -> Iterator[tuple[Callable[[Any], None], Any]]:
    """How each ink of an artist is set, and what it is."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    if not isinstance(artist, Collection | Line2D | Patch | Text):
        return
    if isinstance(artist, Collection) and artist.get_array() is not None:
        return
    for name in PARTS:
        getter, setter = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
        if getter is not None and setter is not None:
            yield setter, getter()


def _turned(ink: Any) -> Any:
    """A colour, or the colours of a collection, on dark paper."""
    from matplotlib.colors import to_rgba, to_rgba_array

    if np.ndim(ink) == 2:
        return [on_dark(tuple(one)) for one in to_rgba_array(ink)]
    return on_dark(to_rgba(ink))
