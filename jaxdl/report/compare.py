"""The sections of a sweep that compares conditions, optimizers × initializers say."""

from typing import NamedTuple

import pandas as pd

from jaxdl import stats
from jaxdl.report import plots, tables
from jaxdl.report.page import Picture, Section
from jaxdl.report.style import to_png
from jaxdl.report.tables import label


class Columns(NamedTuple):
    """The columns of a ledger that a comparison reads, beside `seed` and `status`.

    rows, columns: what is compared; together they name a condition
    over: the number chosen for each condition
    metric: by which it is chosen, on validation; a fraction
    score: what is reported of the choice, on test; a fraction
    """

    rows: str = "optimizer"
    columns: str = "initializer"
    over: str = "learning_rate"
    metric: str = "validation_accuracy"
    score: str = "test_accuracy"

    @property
    def by(self) -> tuple[str, str]:
        """The two columns that name a condition."""
        return self.rows, self.columns


def comparison(
    frame: pd.DataFrame, curves: pd.DataFrame | None = None, columns: Columns | None = None
) -> tuple[str, tuple[Section, ...]]:
    """The finding in one sentence, and its sections: heat map, sensitivity, curves, table.

    frame: one row a trial (`seed`, `status` and `columns`)
    curves: training loss of the chosen trials in nats, one row a trial and step (the two columns
        of a condition, `seed`, `step`, `loss`); None leaves their section out
    """
    names = columns or Columns()
    summary = tables.summary(
        frame, names.by, names.over, names.metric, names.score, bounds=(0.0, 1.0)
    )
    lead, details = finding(frame, summary, names)
    sections = [
        Section("Finding", details),
        Section(label(names.score).capitalize(), (_heat_map(summary, names),)),
        Section(f"Sensitivity to the {label(names.over)}", (_sensitivity(frame, names),)),
    ]
    if curves is not None:
        sections.append(Section("Training curves", (_curves(frame, curves, names),)))
    table = tables.summary_table(summary, names.by, names.over, names.metric, names.score)
    return lead, (*sections, Section("All conditions", (table,)))


def finding(
    frame: pd.DataFrame, summary: pd.DataFrame, names: Columns
) -> tuple[str, tuple[str, ...]]:
    """The best condition in one sentence, and the sentences to be read with it.

    The best is the one of the highest `metric`, never of the highest `score`: test data are only
    looked at where validation pointed to.
    """
    share = tables.percent(frame["status"].eq("diverged").mean())
    over, score, total = label(names.over), label(names.score), len(summary)
    tried = frame[names.over].nunique()
    details = (
        f"{tables.counted(len(frame), 'trial')} in {tables.counted(total, 'condition')}; {share} % "
        f"of the trials diverged: their loss or a parameter stopped being finite. They are "
        f"counted, not dropped: a {over} at which a seed diverged is not eligible.",
        f"In {summary['on_border'].sum()} of {total} conditions the chosen {over} lies on the "
        f"border of its grid: the best may lie outside."
        if tried > 1
        else f"One {over} was tried, so none was chosen: another one may change the order.",
    )
    if not summary["eligible"].any():
        return f"No condition has a {over} at which all its seeds ended.", details
    best = summary.loc[summary[names.metric].idxmax()]
    lead = (
        f"Chosen on validation, the best condition is {best[names.rows]} × {best[names.columns]} "
        f"at {over} {tables.number(best[names.over])}: {score} "
        f"{tables.percent(best[names.score])} % (95 % interval "
        f"{tables.between(best['low'], best['high'], tables.percent)}, "
        f"{tables.counted(best['n'], 'seed')})."
    )
    others = summary["eligible"].sum() - 1
    if not others:
        return lead, details
    rivals = not_separated(frame, summary, best, names)
    lead += f" {rivals} of the {tables.counted(others, 'other condition')} cannot be told from it."
    apart = (
        "Told apart are two conditions if the 95 % interval of their paired difference in "
        f"{score} over the seeds does not reach zero."
    )
    return lead, (apart, *details)


def not_separated(
    frame: pd.DataFrame, summary: pd.DataFrame, best: pd.Series, names: Columns
) -> int:
    """How many other eligible conditions `best` does not beat, paired over the seeds."""
    eligible = summary[summary["eligible"]]
    trials = tables.chosen_trials(frame, eligible, names.by, names.over)
    seeds = trials.pivot(index="seed", columns=list(names.by), values=names.score)
    top = (best[names.rows], best[names.columns])
    differences = (stats.paired_interval(seeds[top], seeds[c]) for c in seeds if c != top)
    return sum(stats.verdict(interval, 0.0, "above") != "holds" for interval in differences)


def _heat_map(summary: pd.DataFrame, names: Columns) -> Picture:
    mean, low, high = (
        100 * tables.grid(summary, *names.by, column) for column in (names.score, "low", "high")
    )
    score, over = label(names.score), label(names.over)
    figure = plots.heat_map(
        mean,
        spread=(high - low) / 2,
        marked=tables.grid(summary, *names.by, "on_border"),
        title=f"{score.capitalize()} at the {over} chosen on validation",
        label=f"{score} (%)",
        mark_label=f"the chosen {over} lies on the border of its grid",
    )
    caption = (
        f"Mean over {tables.counted(summary['n'].max(), 'seed')} ± half of the interval "
        f"({summary['method'].iloc[0]}), in %. A pointed end of the scale stands for cells beyond "
        f"it; a grey cell has no {over} at which all seeds ended."
    )
    return Picture("heat_map", to_png(figure), f"Heat map of {score}", caption)


def _sensitivity(frame: pd.DataFrame, names: Columns) -> Picture:
    metric, over = label(names.metric), label(names.over)
    figure = plots.sensitivity(
        frame.assign(**{names.metric: 100 * frame[names.metric].astype(float)}),
        x=names.over,
        y=names.metric,
        panel=names.rows,
        line=names.columns,
        title=f"{metric.capitalize()} against the {over}",
        x_label=f"{over} (log scale)",
        y_label=f"{metric} (%)",
    )
    caption = (
        "Lines: mean over the seeds; bands: from the lowest to the highest seed. A line is broken "
        "where a seed diverged; the strip below shows where some (open) or all (filled) seeds did."
    )
    return Picture("sensitivity", to_png(figure), f"{metric} against {over}", caption)


def _curves(frame: pd.DataFrame, curves: pd.DataFrame, names: Columns) -> Picture:
    """Training curves, in the frame's order of conditions: a name keeps its colour on the page."""
    for column in reversed(names.by):
        order = {name: i for i, name in enumerate(dict.fromkeys(frame[column]))}
        curves = curves.iloc[curves[column].map(order).argsort(kind="stable")]
    figure = plots.training_curves(
        curves,
        panel=names.rows,
        line=names.columns,
        title=f"Training loss at the {label(names.over)} chosen on validation",
    )
    caption = (
        "Lines: mean over the seeds, on a log scale; bands: from the lowest to the highest seed; "
        "each point is the mean over a window of steps. A line is broken where the loss of a seed "
        "is not finite, and goes on outside the axes where it leaves them."
    )
    return Picture("training_curves", to_png(figure), "Training loss against steps", caption)
