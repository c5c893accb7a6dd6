"""Forecasts with their intervals, behind what they go on from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jaxdl.report.style import COLOURS, house_style, line_styles, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@house_style()
def fan(
    history: np.ndarray,
    quantiles: np.ndarray,
    others: Mapping[str, np.ndarray] | None = None,
    *,
    title: str,
    interval: str = "80 % interval",
    x_label: str = "step",
    y_label: str = "value",
    first: int = 0,
) -> "Figure":
    """The end of a series and what is expected next: the median as a line in its interval.

    history: `[T]`, NaN where a value is missing. quantiles: `[H, Q]`, ascending, Q odd.
    others: further lines over the same H steps, by name, such as what came.
    first: the step of the first value of the history.
    """
    figure = new_figure(3.2, title)
    axes = figure.subplots()
    past, ahead = first + np.arange(len(history)), first + len(history) + np.arange(len(quantiles))
    axes.plot(past, history, color="#555555", marker="", linewidth=1.2, label="observed")
    axes.fill_between(
        ahead, quantiles[:, 0], quantiles[:, -1], color=COLOURS[0], alpha=0.2, lw=0, label=interval
    )
    middle = quantiles[:, quantiles.shape[1] // 2]
    styles = line_styles(["forecast", *(others or {})])
    for name, values in {"forecast": middle, **(others or {})}.items():
        axes.plot(ahead, values, label=name, markevery=0.25, **styles[name])
    axes.set(xlabel=x_label, ylabel=y_label)
    figure.legend(loc="outside lower left", ncols=4)
    return figure
