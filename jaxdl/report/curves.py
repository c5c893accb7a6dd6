"""Curves of most reports: of tuned conditions by step, a metric along a number."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl.report import plots
from jaxdl.report.page import Picture
from jaxdl.report.plots import Scale
from jaxdl.report.tables import in_hundredths

if TYPE_CHECKING:
    from jaxdl.sweep.results import Results

BANDS = "Lines: mean over the seeds; bands: from the lowest to the highest seed."


def tuned_curves(
    results: "Results",
    tuned: stats.Tuned,
    *,
    title: str = "Training, each seed at the value that other seeds chose",
    y: str = "loss",
    y_label: str = "training loss (nats)",
    y_scale: Scale = "log",
) -> list[Picture]:
    """A curve at the chosen hyperparameters, of the conditions of which every seed ended.

    One panel per value of the first column of `tuned.by`, one line per value of the last; of a
    single column all lines share one panel.
    """
    ended = tuned.trials["status"].eq("ok").groupby([tuned.trials[name] for name in tuned.by])
    trials = tuned.trials[ended.transform("all")]
    if trials.empty:
        return []
    curves = results.curve_frame(y, trials)
    apart = len(tuned.by) > 1
    figure = plots.training_curves(
        curves if apart else curves.assign(panel=""),
        y=y,
        panel=tuned.by[0] if apart else "panel",
        line=tuned.by[-1],
        title=title,
        y_label=y_label,
        y_scale=y_scale,
    )
    caption = f"Means over windows of steps. {BANDS} A condition is left out where a seed diverged."
    return [Picture("training", figure, "Training curves by step", caption)]


def course(
    results: "Results",
    trials: pd.DataFrame,
    y: str = "loss",
    *,
    panel: str,
    line: str,
    title: str,
    y_label: str = "training loss (nats)",
    y_scale: Scale = "log",
    every: int = 1,
    factor: float = 1.0,
) -> Picture:
    """A curve of these trials by step: a panel per `panel`, a line per `line`, bands over seeds.

    every: training steps between two values of the curve. factor: of the values, 1 / ln 2 for bits.
    """
    curves = results.curve_frame(y, trials)
    figure = plots.training_curves(
        curves.assign(**{"step": every * curves["step"], y: factor * curves[y]}),
        y=y,
        panel=panel,
        line=line,
        title=title,
        y_label=y_label,
        y_scale=y_scale,
    )
    return Picture(f"{y}_by_step", figure, title, f"Means over windows of steps. {BANDS}")


def along(
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    panel: str | None = None,
    line: str,
    title: str,
    x_label: str = "learning rate (log scale)",
    y_label: str,
    x_scale: Scale = "log",
    y_scale: Scale = "linear",
    caption: str = BANDS,
) -> list[Picture]:
    """A metric along a hyperparameter (`plots.sensitivity`); nothing where every trial diverged.

    Without a panel all lines share one. A share is drawn times 100 where `y_label` ends with `(%)`
    or `(points)`.
    """
    if not frame["status"].eq("ok").any():
        return []
    frame = _as_drawn(frame, y, y_label)
    figure = plots.sensitivity(
        frame.assign(panel="") if panel is None else frame,
        x=x,
        y=y,
        panel=panel or "panel",
        line=line,
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_scale=x_scale,
        y_scale=y_scale,
    )
    return [Picture(f"{y}_by_{x}", figure, f"{y_label} by {x_label}", caption)]


def profile(
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    line: str,
    panel: str | None = None,
    title: str,
    x_label: str,
    y_label: str,
    x_scale: Scale = "linear",
    y_scale: Scale = "linear",
    references: Mapping[str, Callable[[np.ndarray], Any]] | None = None,
) -> Picture:
    """Any number along any other, with bands over the seeds (`plots.lines`).

    A share is drawn times 100 where `y_label` ends with `(%)` or `(points)`.
    """
    frame = _as_drawn(frame, y, y_label)
    figure = plots.lines(
        frame,
        x,
        y,
        line=line,
        panel=panel,
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_scale=x_scale,
        y_scale=y_scale,
        references=references,
    )
    return Picture(f"{y}_by_{x}", figure, title, BANDS)


def _as_drawn(frame: pd.DataFrame, y: str, y_label: str) -> pd.DataFrame:
    """The frame with y times 100 where its label says that shares are drawn so."""
    if not in_hundredths(y_label):
        return frame
    return frame.assign(**{y: 100 * frame[y].astype(float)})
