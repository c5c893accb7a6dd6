"""Figures of a sweep: sensitivity to a rate, training curves, intervals, lines, dots.

Every function returns a Matplotlib `Figure` that nobody else knows of: no pyplot, no window, no
global setting is changed. Names from data are shown as they are, `$` included. Matplotlib is
imported by the first call.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from jaxdl.report.panels import Scale, names, small_multiples, windows
from jaxdl.report.style import COLOURS, house_style, line_styles, new_figure, short
from jaxdl.report.tables import measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from jaxdl.report.claims import Judged


@house_style()
def sensitivity(
    frame: pd.DataFrame,
    *,
    x: str = "learning_rate",
    y: str = "validation_accuracy",
    panel: str = "optimizer",
    line: str = "initializer",
    title: str = "",
    x_label: str = "learning rate (log scale)",
    y_label: str = "validation accuracy",
    x_scale: Scale = "log",
    y_scale: Scale = "linear",
) -> "Figure":
    """A metric against a rate: one panel per `panel`, one line per `line`, bands over seeds.

    frame: one row a trial, with `seed` and `status`. A line is the mean over seeds, its band runs
    from the lowest to the highest; both are broken at a rate where a seed did not end `ok`. A
    strip below each panel shows where trials diverged: an open mark for some seeds, a filled one
    for all.
    """
    value = frame[y].astype(float).where(frame["status"].eq("ok"))
    diverged, styles = frame["status"].eq("diverged"), line_styles(names(frame, line))
    figure, panels = small_multiples(
        frame.assign(**{y: value}),
        x,
        y,
        panel,
        line,
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_scale=x_scale,
        y_scale=y_scale,
        marker_every=1,
        heights=(2.1, 0.05 + 0.085 * len(styles)) if diverged.any() else (2.1,),
        keys=_diverged_keys() if diverged.any() else (),
    )
    share = diverged.astype(float).groupby([frame[panel], frame[line], frame[x]]).mean()
    for name, (_, *strips) in panels.items():
        for strip in strips:
            _diverged_strip(strip, share[name], styles)
    return figure


@house_style()
def training_curves(
    frame: pd.DataFrame,
    *,
    x: str = "step",
    y: str = "loss",
    panel: str = "optimizer",
    line: str = "initializer",
    title: str = "",
    x_label: str = "training step",
    y_label: str = "training loss (nats)",
    y_scale: Scale = "log",
    points: int = 25,
) -> "Figure":
    """Curves of trials: one panel per `panel`, one line per `line`, bands over seeds.

    frame: one row a trial (`panel`, `line`, `seed`) and step. Each trial's curve is first reduced
    to the means of at most `points` windows of steps. A line is the mean over seeds, its band runs
    from the lowest to the highest; both are broken where a seed's loss is not finite.
    """
    figure, _ = small_multiples(
        windows(frame, x, y, [panel, line, "seed"], points),
        x,
        y,
        panel,
        line,
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_scale="linear",
        y_scale=y_scale,
        marker_every=0.3,
    )
    return figure


@house_style()
def intervals(claims: "Sequence[Judged]", names: Sequence[str], *, title: str = "") -> "Figure":
    """Estimates with their intervals, one row a claim, a bar at each threshold.

    The claims share quantity and unit, which name the axis; `names` label the rows. Fractions are
    drawn times 100 where they are printed so.
    """
    figure = new_figure(1.2 + 0.38 * len(claims), title)
    axes = figure.subplots()
    for row, claim in enumerate(claims):
        low, high, measured, threshold = (
            (100 if claim.shown else 1) * value
            for value in (*claim.interval, claim.measured, claim.threshold)
        )
        axes.plot([low, high], [row, row], color=COLOURS[0], linewidth=2.2)
        axes.plot(measured, row, "o", color=COLOURS[0], markersize=6)
        axes.plot(threshold, row, "|", color=COLOURS[1], markersize=16, markeredgewidth=2.2)
    axes.plot([], [], "o-", color=COLOURS[0], label=f"measured, {claims[0].method}")
    axes.plot([], [], "|", color=COLOURS[1], markersize=12, markeredgewidth=2.2, label="threshold")
    axes.set_yticks(range(len(names)), [short(name, 40) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.set_xlabel(measure(claims[0].quantity, claims[0].shown or claims[0].unit))
    figure.legend(loc="outside lower left", ncols=2)
    return figure


def _diverged_strip(strip: "Axes", share: pd.Series, styles: Mapping[Any, dict[str, Any]]) -> None:
    """One row a line: where some or all trials diverged. share: [(line, x)] in 0 … 1."""
    for position, (name, style) in enumerate(styles.items()):
        rows = share[name] if name in share else share.iloc[:0]
        for rate, part in rows[rows > 0].items():
            face = style["color"] if part == 1 else "white"
            strip.plot(
                rate, -position, style["marker"], color=style["color"], mfc=face, markersize=4
            )
    strip.set_ylim(-len(styles) + 0.3, 0.7)
    strip.set_yticks([])
    strip.set_facecolor("#f4f4f4")
    strip.spines["left"].set_visible(False)


def _diverged_keys() -> list[Any]:
    from matplotlib.lines import Line2D

    grey: dict[str, Any] = {"color": "#555555", "marker": "o", "linestyle": "none", "markersize": 4}
    return [
        Line2D([], [], label="strip: some seeds diverged", mfc="white", **grey),
        Line2D([], [], label="strip: all seeds diverged", **grey),
    ]


@house_style()
def lines(
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    line: str,
    panel: str | None = None,
    title: str = "",
    x_label: str,
    y_label: str,
    x_scale: Scale = "log",
    y_scale: Scale = "log",
    points: int = 40,
    references: Mapping[str, Callable[[np.ndarray], Any]] | None = None,
) -> "Figure":
    """Any number along any other: one panel per `panel`, one line per `line`, bands over seeds.

    frame: one row per `panel`, `line`, seed and x; without a panel all lines share one.
    points: of a line with more values of x about so many are drawn, evenly along its logarithm.
    references: known functions of x, a number or one per x, dotted in each panel, by name.
    """
    from matplotlib.lines import Line2D

    dotted: dict[str, Any] = {"linestyle": ":", "linewidth": 1.6}
    shades = dict(zip(references or {}, ("#555555", "#a0a0a0", "#000000"), strict=False))
    shown = frame.assign(panel="") if panel is None else frame
    panel = panel or "panel"
    figure, panels = small_multiples(
        _thinned(shown, x, [panel, line], points),
        x,
        y,
        panel,
        line,
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_scale=x_scale,
        y_scale=y_scale,
        marker_every=1 if frame[x].nunique() <= 10 else 0.2,
        heights=(3.4 if shown[panel].nunique() == 1 else 2.1,),
        keys=[Line2D([], [], label=n, color=shade, **dotted) for n, shade in shades.items()],
    )
    for name, (axes, *_) in panels.items():
        along = np.sort(shown.loc[shown[panel].eq(name), x].unique())
        for reference, shade in shades.items():
            values = (references or {})[reference](along)
            axes.plot(along, np.broadcast_to(values, along.shape), color=shade, **dotted)
    return figure


def _thinned(frame: pd.DataFrame, x: str, keys: Sequence[str], points: int) -> pd.DataFrame:
    """Of each line the rows at about so many of its values of x, evenly by the log of their rank.

    The first and the last are among them.
    """
    groups = frame.groupby([frame[key] for key in keys], sort=False, observed=True)
    rank = groups[x].rank("dense")
    last = rank.groupby([frame[key] for key in keys], observed=True).transform("max")
    kept = pd.Series(False, frame.index)
    for count in last.unique():
        places = np.unique(np.geomspace(1, count, points).round())
        kept |= last.eq(count) & (rank.isin(places) | (count <= points))
    return frame[kept]


@house_style()
def dots(
    panels: Mapping[str, Mapping[str, ArrayLike]],
    *,
    title: str = "",
    reference: float | None = None,
) -> "Figure":
    """Scores of a few methods: a panel a measure, a row a method, a dot a seed, a bar at the mean.

    panels: `{measure: {method: scores of its seeds}}`, methods in the same order in each; the
        measure, with its unit, names the axis. A method without a seed has one score.
    reference: where a dotted line is drawn, such as chance.
    """
    rows = list(next(iter(panels.values())))
    figure = new_figure(1.3 + 0.28 * len(rows), title)
    for place, (measured, scores) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), place + 1)
        for row, (name, look) in enumerate(line_styles(rows).items()):
            values = np.atleast_1d(np.asarray(scores[name], np.float64))
            mark = look | {"linestyle": "none"}
            axes.plot(values, [row] * len(values), **mark, alpha=0.75)
            axes.plot(values.mean(), row, "|", color=look["color"], ms=15, mew=1.8)
        if reference is not None:
            axes.axvline(reference, color="#555555", linestyle=":")
        axes.set_yticks(range(len(rows)), [short(name, 40) for name in rows] if not place else [])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(measured)
    return figure
