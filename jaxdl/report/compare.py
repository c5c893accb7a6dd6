"""The sections of a sweep that compares conditions, optimizers × initializers say."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl.report import plots, summaries, tables
from jaxdl.report.page import Picture, Section
from jaxdl.report.style import to_png
from jaxdl.report.tables import label, measure

ERROR_RATE = 0.05
"""Share of all comparisons with the best condition in which any is told apart from it by chance."""


class Columns(NamedTuple):
    """The columns of a ledger that a comparison reads, beside `seed` and `status`.

    rows, columns: what is compared; together they name a condition
    over: the number chosen for each condition
    metric: by which it is chosen, on validation
    score: what is reported of the choice, on test
    kind: of the metric and the score where `stats.kind` does not know one of them
    """

    rows: str = "optimizer"
    columns: str = "initializer"
    over: str = "learning_rate"
    metric: str = "validation_accuracy"
    score: str = "test_accuracy"
    kind: stats.Kind | None = None

    @property
    def by(self) -> tuple[str, str]:
        """The two columns that name a condition."""
        return self.rows, self.columns


class Found(NamedTuple):
    """What a comparison is about: trials, one row a condition, and whose scores they are."""

    frame: pd.DataFrame
    summary: pd.DataFrame
    names: Columns
    fresh: pd.DataFrame | None
    examples: int | None

    @property
    def metric(self) -> stats.Kind:
        """The kind of the metric that chooses."""
        return summaries.kind_of(self.names.metric, self.names.kind)

    @property
    def score(self) -> stats.Kind:
        """The kind of the score that is reported."""
        return summaries.kind_of(self.names.score, self.names.kind)


def comparison(
    frame: pd.DataFrame,
    curves: pd.DataFrame | None = None,
    columns: Columns | None = None,
    *,
    fresh: pd.DataFrame | None = None,
    examples: int | None = None,
) -> tuple[str, tuple[Section, ...]]:
    """The finding in one sentence, and its sections: heat map, sensitivity, curves, table.

    frame: one row a trial (`seed`, `status` and `columns`)
    curves: training loss of the chosen trials in nats, one row a trial and step (the two columns
        of a condition, `seed`, `step`, `loss`); None leaves their section out
    fresh: the chosen settings on seeds that took no part in the choice: all scores are theirs.
        Without them each seed is scored where other seeds choose (`stats.chosen_trials`).
    examples: of the test set; the intervals for other test examples are shown too
    """
    names = columns or Columns()
    summary = summaries.summary(
        frame, names.by, names.over, names.metric, names.score, names.kind,
        fresh=fresh, examples=examples,
    )  # fmt: skip
    found = Found(frame, summary, names, fresh, examples)
    lead, details = finding(found)
    sections = [
        Section("Finding", details),
        Section(label(names.score).capitalize(), (_heat_map(found),)),
        Section(f"Sensitivity to the {label(names.over)}", (_sensitivity(found),)),
    ]
    if curves is not None:
        sections.append(Section("Training curves", (_curves(frame, curves, names),)))
    table = summaries.summary_table(
        summary, names.by, names.over, names.metric, names.score, names.kind
    )
    return lead, (*sections, Section("All conditions", (table,)))


def finding(found: Found) -> tuple[str, tuple[str, ...]]:
    """The best condition in one sentence, and the sentences to be read with it.

    The best is the one of the best `metric`, never of the best `score`: test data are only
    looked at where validation pointed to.
    """
    frame, summary, names = found.frame, found.summary, found.names
    share = tables.percent(frame["status"].eq("diverged").mean())
    over, total = label(names.over), len(summary)
    details = (
        f"{tables.counted(len(frame), 'trial')} in {tables.counted(total, 'condition')}; {share} % "
        f"of the trials diverged: their loss or a parameter stopped being finite. They are "
        f"counted, not dropped: a {over} at which a seed diverged is not eligible.",
        f"In {summary['on_border'].sum()} of {total} conditions the chosen {over} lies on the "
        f"border of its grid: the best may lie outside."
        if frame[names.over].nunique() > 1
        else f"One {over} was tried, so none was chosen: another one may change the order.",
        summaries.how_scored(summary),
    )
    if not summary["eligible"].any():
        return f"No condition has a {over} at which all its seeds ended.", details
    best, scores = best_condition(found)
    lead = (
        f"Chosen on validation, the best condition is {best[names.rows]} × {best[names.columns]} "
        f"at {over} {tables.number(best[names.over])}: {_scored(found, scores)}."
    )
    others = int(summary["eligible"].sum()) - 1
    if not others:
        return lead, details
    rivals = not_separated(found, best, scores)
    lead += f" {rivals} of the {tables.counted(others, 'other condition')} cannot be told from it."
    apart = (
        f"Told apart from the best are conditions whose paired difference in {label(names.score)} "
        f"over the seeds is not zero by Student's t at {100 * ERROR_RATE:g} %, after Holm's "
        f"correction for {tables.counted(others, 'comparison')}."
    )
    return lead, (apart, *details)


def best_condition(found: Found) -> tuple[pd.Series, pd.Series]:
    """The row of the best condition by validation, and its scores by seed.

    Without fresh seeds a seed's score is that of the condition and value which other seeds choose:
    the best of many is chosen too, and the numbers that made it the best are too good.
    """
    names, every = found.names, "every condition"
    trials = found.frame.assign(**{every: ""})
    whole = stats.select(trials, [every], [*names.by, names.over], names.metric, found.metric.mode)
    is_best = found.summary[list(names.by)].eq(whole.iloc[0][list(names.by)]).all(axis=1)
    best = found.summary[is_best].iloc[0]
    if found.fresh is None:
        chosen = stats.chosen_trials(trials, whole, [every, *names.by, names.over])
    else:
        row = found.summary[is_best]
        chosen = summaries.chosen_trials(found.fresh, row, names.by, names.over)
    return best, chosen.set_index("seed")[names.score].astype(float).sort_index()


def not_separated(found: Found, best: pd.Series, scores: pd.Series) -> int:
    """How many other eligible conditions the best does not beat, paired over the seeds, by Holm."""
    names = found.names
    frame = found.frame if found.fresh is None else found.fresh
    eligible = found.summary[found.summary["eligible"]]
    trials = summaries.chosen_trials(frame, eligible, names.by, names.over)
    seeds = trials.pivot(index="seed", columns=list(names.by), values=names.score).astype(float)
    rivals = seeds.drop(columns=[(best[names.rows], best[names.columns])])
    p = stats.holm([stats.paired_p(scores, rivals[c]) for c in rivals])
    gains = np.array([(scores - rivals[c]).mean() for c in rivals])
    ahead = gains > 0 if found.score.mode == "max" else gains < 0
    return int(np.sum(~((p < ERROR_RATE) & ahead)))


def _scored(found: Found, scores: pd.Series) -> str:
    """The score of the best condition with its unit and its intervals."""
    kind, name = found.score, label(found.names.score)
    cell = tables.cell_of(kind)
    unit = "" if kind.unit == "1" else f" {kind.unit}"
    interval = stats.mean_interval(scores, kind.scale, examples=found.examples)
    bounds = tables.between(interval.low, interval.high, cell)
    text = (
        f"{name} {cell(interval.mean)}{unit} (95 % interval over "
        f"{tables.counted(len(scores), 'seed')} on this test set {bounds}"
    )
    if found.examples is None or kind.scale != "share":
        return text + ")"
    wide = stats.population_interval(scores, found.examples)
    return (
        f"{text}; over its {found.examples:,} examples too "
        f"{tables.between(wide.low, wide.high, cell)})"
    )


def _heat_map(found: Found) -> Picture:
    summary, names, kind = found.summary, found.names, found.score
    factor = 100 if kind.scale == "share" else 1
    mean, low, high = (
        factor * summaries.grid(summary, *names.by, column)
        for column in (names.score, "low", "high")
    )
    score, over = label(names.score), label(names.over)
    figure = plots.heat_map(
        mean,
        bounds=(low, high),
        marked=summaries.grid(summary, *names.by, "on_border"),
        title=f"{score.capitalize()} at the {over} chosen on validation",
        label=measure(score, kind.unit),
        mark_label=f"the chosen {over} lies on the border of its grid",
        decimals=1 if kind.scale == "share" else 3,
    )
    seeds = tables.counted(summary["n"].max(), "seed")
    caption = (
        f"Estimate and, below it, its 95 % interval over {seeds} on one fixed test set, in "
        f"{kind.unit}. {summaries.how_scored(summary)} A pointed end of the scale stands for cells "
        f"beyond it; a grey cell has no {over} at which all seeds ended."
    )
    return Picture("heat_map", to_png(figure), f"Heat map of {score}", caption)


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
