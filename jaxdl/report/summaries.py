"""One row a condition: the rate that was chosen, and the score of trials that may report it."""

import math
from collections.abc import Sequence

import pandas as pd

from jaxdl import stats
from jaxdl.report.tables import Table, between, cell_of, counted, label, measure, number, percent

BORDER, UNSETTLED, LOST = "*", "†", "‡"
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
    by: str | Sequence[str] = ("optimizer", "initializer"),
    over: str = "learning_rate",
    metric: str = "validation_accuracy",
    score: str = "test_accuracy",
    kind: stats.Kind | None = None,
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
    without_validation: why the metric is one on test (`stats.select`). Where it is the score too,
        its column has the score, not the mean that chose.

    Adds to the columns of `select`: `score` (the mean; of a loss the geometric one, unless a scored
    loss of any condition is not positive), `low`, `high`, `n` (seeds), `lost` (scored trials that
    diverged or did not end), `method` and `scored_on` (which trials, in words). The score and its
    bounds are nan where no rate is eligible and where a scored trial is lost. ValueError for
    several columns in `over`, and for fresh trials that lack a condition or a seed or that have a
    seed of `frame`.
    """
    if not isinstance(over, str):
        raise ValueError(f"over: a summary has one searched column, not {over!r}; see stats.select")
    by = [by] if isinstance(by, str) else list(by)
    mode, scored = kind_of(metric, kind).mode, kind_of(score, kind)
    selection = stats.select(frame, by, over, metric, mode, without_validation=without_validation)
    if fresh is None:
        trials = chosen_trials(frame, selection, by, over)
    else:
        trials = _fresh_trials(frame, fresh, selection, by, over)
    values = trials[score].astype(float).where(trials["status"].eq("ok"))
    scale = "real" if scored.scale == "positive" and (values <= 0).any() else scored.scale
    rows = []
    for _, group in trials.groupby(by, dropna=False, observed=True):
        mine = values[group.index]
        found = stats.mean_interval(mine, scale, examples=examples)
        row = {name: group[name].iloc[0] for name in by}
        row |= {score: found.mean, "low": found.low, "high": found.high}
        if examples is not None and scale == "share":
            wide = stats.population_interval(mine, examples)
            row |= {"wide_low": wide.low, "wide_high": wide.high}
        lost = int(group["status"].ne("ok").sum())
        rows.append(row | {"n": found.n, "lost": lost, "method": found.method})
    if metric == score:
        selection = selection.drop(columns=metric)
    table = selection.merge(pd.DataFrame(rows), on=by, how="left", validate="one_to_one")
    table = table.fillna({"n": 0, "lost": 0, "method": "none"}).astype({"n": int, "lost": int})
    unknown = [score, *({"low", "high", "wide_low", "wide_high"} & set(table))]
    table.loc[~table["eligible"], unknown] = math.nan
    return table.assign(scored_on=_scored_on(table["n"].max(), fresh is not None))


def chosen_trials(
    frame: pd.DataFrame,
    rows: pd.DataFrame,
    by: str | Sequence[str] = ("optimizer", "initializer"),
    over: str = "learning_rate",
) -> pd.DataFrame:
    """The trials of `frame` that may report what `summary` chose, one a condition and seed."""
    by = [by] if isinstance(by, str) else list(by)
    return stats.chosen_trials(frame, rows, [*by, over])


def summary_table(
    rows: pd.DataFrame,
    by: str | Sequence[str] = ("optimizer", "initializer"),
    over: str = "learning_rate",
    metric: str = "validation_accuracy",
    score: str = "test_accuracy",
    kind: stats.Kind | None = None,
) -> Table:
    """`summary` as cells, in the unit of the metric and of the score; `kind` as there."""
    by = [by] if isinstance(by, str) else list(by)
    chosen_by, scored = kind_of(metric, kind), kind_of(score, kind)
    cells, wide, both = cell_of(scored), "wide_low" in rows, metric != score
    header = (
        *map(label, (*by, over)),
        *([measure(label(metric), chosen_by.unit)] if both else []),
        measure(label(score), scored.unit),
        "95 % interval over seeds",
        *(["over seeds and test examples"] if wide else []),
        "diverged (%)",
    )
    body = tuple(
        (
            *(str(row[name]) for name in by),
            number(row[over]) + BORDER * row["on_border"] + UNSETTLED * (not row["eligible"]),
            *([cell_of(chosen_by)(row[metric])] if both else []),
            cells(row[score]) + LOST * (row["eligible"] and row["lost"] > 0),
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
    if "other seed" in rows["scored_on"].iloc[0]:
        sentences.append(
            "So few seeds choose a worse value than all would: the scores are biased towards "
            "worse, and intervals from 5 seeds on cover about 91 … 95 %; a claim near its "
            "threshold needs fresh seeds."
        )
    if rows["chosen_on"].iloc[0] != "validation":
        sentences.append(f"Chosen on {rows['chosen_on'].iloc[0]}; the scores are too good by that.")
    shown = rows[rows["eligible"]] if rows["eligible"].any() else rows
    sentences.append(f"Interval over seeds: {_methods(shown['method'])}.")
    if shown["method"].str.contains("geometric").any():
        sentences.append("The estimates are geometric means over the seeds.")
    if (shown["lost"] > 0).any():
        sentences.append(
            f"{LOST} {counted(int(shown['lost'].sum()), 'scored trial')} diverged or did not end, "
            f"in {counted(int((shown['lost'] > 0).sum()), 'condition')}: there is no mean there."
        )
    wide = "Over seeds and test examples: Korn-Graubard 95 %, for another test set too."
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
    voters = max(1, (seeds - 1) // 2)
    others = "one other seed chooses" if voters == 1 else f"{voters} other seeds choose"
    return f"{counted(seeds, 'seed')}, each at the value that {others}"


def _methods(methods: pd.Series) -> str:
    """Every distinct method, with the number of its conditions where there are several."""
    counts = methods.value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return "; ".join(f"{method} ({counted(n, 'condition')})" for method, n in counts.items())


def _fresh_trials(
    frame: pd.DataFrame, fresh: pd.DataFrame, selection: pd.DataFrame, by: list[str], over: str
) -> pd.DataFrame:
    """The fresh trials at the chosen values: of every eligible condition every fresh seed."""
    seeds = set(fresh["seed"])
    if not seeds:
        raise ValueError("fresh: there are no trials")
    voted = sorted(seeds & set(frame["seed"]))
    if voted:
        raise ValueError(f"fresh: seeds {voted} took part in the choice")
    trials = chosen_trials(fresh, selection, by, over)
    for index, row in selection[selection["eligible"]].iterrows():
        missing = sorted(seeds - set(trials.merge(selection.loc[[index], by], on=by)["seed"]))
        if missing:
            setting = ", ".join(f"{label(name)} {row[name]}" for name in (*by, over))
            raise ValueError(f"fresh: no trials of {setting} with seeds {missing}")
    return trials
