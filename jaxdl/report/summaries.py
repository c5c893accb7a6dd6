"""One row a condition: the rate that was chosen, and the score of trials that may report it."""

import math
from collections.abc import Sequence

import pandas as pd

from jaxdl import stats
from jaxdl.report.tables import Table, between, cell_of, counted, label, measure, number, percent

BORDER, UNSETTLED = "*", "†"
MARKS = (
    f"{BORDER} the chosen value lies on the border of its grid, the best may lie outside.  "
    f"{UNSETTLED} at every value a trial diverged or is missing."
)
CHOSEN = "each seed at the rate that other seeds chose on validation"
"""Of which trials a score is where `stats.chosen_trials` took them from the search itself."""
FIXED = (
    "An interval over seeds is for this one test set; how far another test set would be, it does "
    "not say."
)


def summary(
    frame: pd.DataFrame,
    by: Sequence[str] = ("optimizer", "initializer"),
    over: str = "learning_rate",
    metric: str = "validation_accuracy",
    score: str = "test_accuracy",
    kind: stats.Kind | None = None,
    confidence: float = 0.95,
    *,
    fresh: pd.DataFrame | None = None,
    examples: int | None = None,
    without_validation: str = "",
) -> pd.DataFrame:
    """`stats.select`, and the interval over seeds of `score` by `stats.chosen_trials`.

    frame: one row a trial (`seed`, `status`, the columns named here)
    kind: of the metric and the score, where `stats.kind` does not know one of them
    fresh: trials at the chosen rates with seeds that took no part in the choice: they are scored
    examples: of the test set; adds `wide_low` and `wide_high`, the bounds for other examples too

    Adds to the columns of `select`: `score` (the mean; of a loss the geometric one), `low`,
    `high`, `n` (seeds), `method` and `scored_on` (which trials, in words). Where no rate is
    eligible, the score and its bounds are nan. ValueError for several columns in `over`.
    """
    if not isinstance(over, str):
        raise ValueError(f"over: a summary has one searched column, not {over!r}; see stats.select")
    by = [by] if isinstance(by, str) else list(by)
    mode, scored = kind_of(metric, kind).mode, kind_of(score, kind)
    selection = stats.select(frame, by, over, metric, mode, without_validation=without_validation)
    trials = chosen_trials(frame if fresh is None else fresh, selection, by, over)
    rows = []
    for _, group in trials.groupby(list(by), dropna=False, observed=True):
        values = group[score].astype(float)
        found = stats.mean_interval(values, scored.scale, examples=examples, confidence=confidence)
        row = {name: group[name].iloc[0] for name in by}
        row |= {score: found.mean, "low": found.low, "high": found.high}
        if examples is not None and scored.scale == "share":
            wide = stats.population_interval(values, examples, confidence)
            row |= {"wide_low": wide.low, "wide_high": wide.high}
        rows.append(row | {"n": found.n, "method": found.method})
    table = selection.merge(pd.DataFrame(rows), on=list(by), how="left", validate="one_to_one")
    unknown = [score, *({"low", "high", "wide_low", "wide_high"} & set(table))]
    table.loc[~table["eligible"], unknown] = math.nan
    return table.assign(scored_on=_scored_on(table["n"].max(), fresh is not None))


def chosen_trials(
    frame: pd.DataFrame,
    rows: pd.DataFrame,
    by: Sequence[str] = ("optimizer", "initializer"),
    over: str = "learning_rate",
) -> pd.DataFrame:
    """The trials of `frame` that may report what `summary` chose, one a condition and seed."""
    return stats.chosen_trials(frame, rows, [*by, over])


def summary_table(
    rows: pd.DataFrame,
    by: Sequence[str] = ("optimizer", "initializer"),
    over: str = "learning_rate",
    metric: str = "validation_accuracy",
    score: str = "test_accuracy",
    kind: stats.Kind | None = None,
) -> Table:
    """`summary` as cells, in the unit of the metric and of the score; `kind` as there."""
    chosen_by, scored = kind_of(metric, kind), kind_of(score, kind)
    cells, wide = cell_of(scored), "wide_low" in rows
    header = (
        *map(label, (*by, over)),
        measure(label(metric), chosen_by.unit),
        measure(label(score), scored.unit),
        "95 % interval over seeds",
        *(["over seeds and test examples"] if wide else []),
        "diverged (%)",
    )
    body = tuple(
        (
            *(str(row[name]) for name in by),
            number(row[over]) + BORDER * row["on_border"] + UNSETTLED * (not row["eligible"]),
            cell_of(chosen_by)(row[metric]),
            cells(row[score]),
            between(row["low"], row["high"], cells),
            *([between(row["wide_low"], row["wide_high"], cells)] if wide else []),
            percent(row["share_diverged"]),
        )
        for _, row in rows.iterrows()
    )
    caption = (
        f"{label(over).capitalize()} chosen by the mean {label(metric)} over seeds. "
        f"{how_scored(rows)} Diverged: share of all trials of the row.  {MARKS}"
    )
    return Table(header, body, frozenset(range(len(by), len(header))), caption)


def how_scored(rows: pd.DataFrame) -> str:
    """The sentences to be read with scores: whose they are, and what their intervals cover."""
    sentences = [f"Scored on {rows['scored_on'].iloc[0]}."]
    if rows["chosen_on"].iloc[0] != "validation":
        sentences.append(f"Chosen on {rows['chosen_on'].iloc[0]}; the scores are too good by that.")
    method = rows["method"].mode().iloc[0]
    sentences.append(f"Interval over seeds: {method}.")
    if rows["method"].str.contains("equal").any():
        sentences.append(
            "Where all seeds are equal it is that of as many draws as they have test examples, "
            "or there is none."
        )
    wide = "Over seeds and test examples: Korn-Graubard, for another test set too; at least 95 %."
    sentences.append(wide if "wide_low" in rows else FIXED)
    if rows["n"].max() < 5:
        sentences.append(
            "With fewer than 5 seeds the coverage rests on the shape of the distribution, which "
            "so few cannot show."
        )
    return " ".join(sentences)


def grid(rows: pd.DataFrame, index: str, columns: str, values: str) -> pd.DataFrame:
    """A column of a summary spread over two others, both in their order of appearance."""
    table = rows.pivot(index=index, columns=columns, values=values)
    return table.reindex(index=rows[index].unique(), columns=rows[columns].unique())


def kind_of(metric: str, kind: stats.Kind | None) -> stats.Kind:
    """What is known of a metric by its name, or else what is given; ValueError without both."""
    if kind is None:
        return stats.kind(metric)
    try:
        return stats.kind(metric)
    except ValueError:
        return kind


def _scored_on(seeds: int, fresh: bool) -> str:
    if fresh:
        return f"{counted(seeds, 'fresh seed')} that took no part in the choice"
    if seeds == 1:
        return "the one seed that chose, which is too good by that"
    return f"{counted(seeds, 'seed')}, each at the value that other seeds choose"
