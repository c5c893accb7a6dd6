"""The sections of a sweep that compares conditions, optimizers × initializers say."""

import pandas as pd

from jaxdl.report import heat_maps, plots, summaries, tables
from jaxdl.report.findings import Columns, Found, finding
from jaxdl.report.page import Picture, Section
from jaxdl.report.tables import label, measure


def comparison(
    frame: pd.DataFrame,
    curves: pd.DataFrame | None = None,
    columns: Columns | None = None,
    *,
    fresh: pd.DataFrame | None = None,
    examples: int | None = None,
    without_validation: str = "",
) -> tuple[str, tuple[Section, ...]]:
    """The finding in one sentence, and its sections: heat map, sensitivity, curves, table.

    frame: one row a trial (`seed`, `status` and `columns`)
    curves: training loss of the chosen trials, one row a trial and step (the two columns of a
        condition, `seed`, `step`, `loss`); None leaves their section out
    fresh: the chosen settings on seeds that took no part in the choice: all scores are theirs.
        Without them each seed is scored where other seeds choose (`stats.chosen_trials`).
    examples: of the test set; the intervals for other test examples are shown too
    without_validation: why the metric is one on test (`stats.select`); the page says so
    """
    names = columns or Columns()
    summary = summaries.summary(
        frame, names.by, names.over, names.metric, names.score, names.kind,
        fresh=fresh, examples=examples, without_validation=without_validation,
    )  # fmt: skip
    found = Found(frame, summary, names, fresh, examples, without_validation)
    lead, details = finding(found)
    sections = [
        Section("Finding", details),
        Section(label(names.score).capitalize(), (_heat_map(found),)),
        Section(f"Sensitivity to the {label(names.over)}", (_sensitivity(found),)),
    ]
    if curves is not None:
        sections.append(Section("Training curves", (_curves(found, curves),)))
    table = summaries.summary_table(
        summary, names.by, names.over, names.metric, names.score, names.kind
    )
    return lead, (*sections, Section("All conditions", (table,)))


def _heat_map(found: Found) -> Picture:
    summary, names, kind = found.summary, found.names, found.score
    factor = 100 if kind.scale == "share" else 1
    mean, low, high = (
        factor * summaries.grid(summary, *names.by, column)
        for column in (names.score, "low", "high")
    )
    score, over = label(names.score), label(names.over)
    figure = heat_maps.heat_map(
        mean,
        bounds=(low, high),
        marked=summaries.grid(summary, *names.by, "on_border"),
        title=f"{score.capitalize()}: {found.whose}",
        label=measure(score, kind.unit),
        mark_label=f"the chosen {over} lies on the border of its grid",
        decimals=1 if kind.scale == "share" else 3,
    )
    seeds = tables.counted(summary["n"].max(), "seed")
    caption = (
        f"Estimate and, below it, its 95 % interval over {seeds} on one fixed test set, in "
        f"{kind.unit}. {summaries.how_scored(summary)} A pointed end of the scale stands for cells "
        f"beyond it; a grey cell has no {over} at which all seeds ended"
        f"{'' if found.fresh is None else ', or a fresh seed that did not end'}."
    )
    return Picture("heat_map", figure, f"Heat map of {score}", caption)


def _sensitivity(found: Found) -> Picture:
    frame, names, kind = found.frame, found.names, found.metric
    metric, over = label(names.metric), label(names.over)
    factor = 100 if kind.scale == "share" else 1
    figure = plots.sensitivity(
        frame.assign(**{names.metric: factor * frame[names.metric].astype(float)}),
        x=names.over,
        y=names.metric,
        panel=names.rows,
        line=names.columns,
        title=f"{metric.capitalize()} against the {over}",
        x_label=f"{over} (log scale)",
        y_label=measure(metric, kind.unit),
        y_scale="log" if kind.scale == "positive" else "linear",
    )
    caption = (
        "Lines: mean over the seeds; bands: from the lowest to the highest seed. A line is broken "
        "where a seed diverged; the strip below shows where some (open) or all (filled) seeds did."
    )
    return Picture("sensitivity", figure, f"{metric} against {over}", caption)


def _curves(found: Found, curves: pd.DataFrame) -> Picture:
    """Training curves, in the frame's order of conditions: a name keeps its colour on the page."""
    frame, names = found.frame, found.names
    for column in reversed(names.by):
        order = {name: i for i, name in enumerate(dict.fromkeys(frame[column]))}
        curves = curves.iloc[curves[column].map(order).argsort(kind="stable")]
    figure = plots.training_curves(
        curves,
        panel=names.rows,
        line=names.columns,
        title=f"Training loss: {found.whose}",
        y_label=measure("training loss", names.loss_unit),
    )
    caption = (
        "Lines: mean over the seeds, on a log scale; bands: from the lowest to the highest seed; "
        "each point is the mean over a window of steps. A line is broken where the loss of a seed "
        "is not finite, and goes on outside the axes where it leaves them."
    )
    return Picture("training_curves", figure, "Training loss against steps", caption)
