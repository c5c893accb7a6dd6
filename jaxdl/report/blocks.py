"""Tables and maps of most reports: scores, gains and choices of tuned conditions."""

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from jaxdl import stats
from jaxdl.report import heat_maps, plots
from jaxdl.report.page import Picture
from jaxdl.report.summaries import BORDER, CHOSEN
from jaxdl.report.tables import Cell, Table, distinct, in_hundredths, label, measure, table


def tuned_table(tuned: stats.Tuned, score: str, against: Hashable | None = None) -> Table:
    """One row per condition: its hyperparameters, its score, its gain over a baseline.

    Args:
        tuned: the conditions; several columns in `by` are panels and, last, what is compared.
        score: a column of the trials, of a kind that `stats.kind` knows.
        against: the baseline among the values of the last column of `by`, within each panel. The
            gain of a share is a difference, in points; of a positive score (a loss) the change of
            its geometric mean in per cent.
    """
    known = stats.kind(score)
    positive = known.scale == "positive"
    name = measure(label(score), known.unit)
    gained = f"change from {against} (%)" if positive else f"gain over {against} (points)"
    rows = []
    for choice in tuned.selection.to_dict("records"):
        condition = tuple(choice[column] for column in tuned.by)
        key = condition if len(condition) > 1 else condition[0]
        mine = tuned.of(key)
        row: dict[str, Cell] = {column: str(choice[column]) for column in tuned.by}
        for column in tuned.over:
            row[column] = _values(mine[column]) + BORDER * (column in choice["borders"])
        row[name] = tuned.interval(score, key)
        if against is not None:
            base = (*condition[:-1], against) if len(condition) > 1 else against
            gain = None if key == base else tuned.gain(score, key, base, log=positive)
            row[gained] = _ratio(gain) if gain is not None and positive else gain
        rows.append(row)
    chosen = (
        f"{CHOSEN[0].upper()}{CHOSEN[1:]}, by {label(tuned.metric)}; 95 % intervals over seeds, of "
        f"changes paired.  {BORDER} that of all seeds is"
    )
    if tuned.trials["seed"].nunique() == 1:
        chosen = (
            f"One seed, at the rate that it chose itself by {label(tuned.metric)}: there is no "
            f"interval.  {BORDER} it is"
        )
    return table(rows, f"{chosen} on the border of its grid.")


def searched(
    frame: pd.DataFrame, tuned: stats.Tuned, columns: Mapping[str, str]
) -> list[dict[str, Cell]]:
    """Rows for a table: means over seeds at each value that was searched, `*` at the chosen ones.

    columns: the header of each metric, by its name. What is the same in all rows of `tuned.by` is
        left out.
    """
    by = [name for name in tuned.by if frame[name].nunique() > 1]
    keys, rows = [*tuned.by, *tuned.over], []
    chosen = set(tuned.selection[keys].itertuples(index=False, name=None))
    for _, trials in frame.groupby(keys, sort=False):
        first = trials.iloc[0]
        mark = "*" * (tuple(first[keys]) in chosen)
        row: dict[str, Cell] = {name: str(first[name]) for name in by}
        row |= {name: _values(trials[name]) + mark for name in tuned.over}
        rows.append(row | trials[list(columns)].mean().rename(columns).to_dict())
    return rows


def chosen_values(tuned: stats.Tuned) -> str:
    """What each condition was run at, in words: `sum 0.003, 0.01; mean 0.01`."""
    (by,), (over,) = tuned.by, tuned.over
    found = tuned.trials.groupby(by, sort=False)[over]
    return "; ".join(f"{name} {_values(values)}" for name, values in found)


def interval_map(
    columns: Mapping[str, Mapping[str, stats.Interval]],
    *,
    title: str,
    label: str,
    caption: str = "",
    down: str = "",
    across: str = "",
    best: bool = False,
) -> Picture:
    """A heat map of estimates with their intervals (`heat_maps.heat_map`).

    Args:
        columns: `{column: {row: interval}}`; what a column lacks is grey.
        title: of the figure.
        label: of the colours; fractions are drawn times 100 where it ends with `(%)` or `(points)`.
        caption: what the intervals are.
        down: what the rows are.
        across: what the columns are.
        best: marks the highest estimate of each column.
    """
    factor = 100 if in_hundredths(label) else 1
    values, low, high = (
        factor
        * pd.DataFrame({
            column: {row: found[part] for row, found in rows.items()}
            for column, rows in columns.items()
        })
        for part in range(3)
    )  # fmt: skip
    figure = heat_maps.heat_map(
        values.rename_axis(index=down or None, columns=across or None),
        bounds=(low, high),
        marked=values.eq(values.max()) if best else None,
        title=title,
        label=label,
        mark_label="best of the column" if best else "",
    )
    return Picture("map", figure, f"Heat map: {title}", caption)


def _values(values: pd.Series) -> str:
    """The different values of a hyperparameter at which seeds ran, numbers or names."""
    if pd.api.types.is_numeric_dtype(values):
        return distinct(values)
    return ", ".join(dict.fromkeys(map(str, values)))


def shares(
    scores: Mapping[str, Mapping[str, ArrayLike]],
    *,
    title: str,
    caption: str,
    row: str = "method",
    examples: Mapping[str, int] | None = None,
    chance: float | None = None,
) -> tuple[Picture, Table]:
    """Shares 0 … 1 of a few methods by a few measures, as dots (`plots.dots`) and in a table.

    Args:
        scores: `{measure: {method: shares of its seeds}}`, the same methods in each; a method
            without seeds, such as a baseline that is counted, has one share and no interval.
        title: of the picture. caption: of the table, whose intervals are over seeds.
        row: what a method is called in the table.
        examples: of which each share is one, by measure (`stats.mean_interval`).
        chance: drawn as a dotted line.
    """
    drawn = {
        f"{measure} (%)": {name: 100 * np.asarray(values) for name, values in of.items()}
        for measure, of in scores.items()
    }
    figure = plots.dots(drawn, title=title, reference=None if chance is None else 100 * chance)
    key = f"A dot is a seed, the bar the mean{'' if chance is None else '; dotted: chance'}."
    rows = [
        {row: name}
        | {
            f"{measure} (%)": stats.mean_interval(
                np.atleast_1d(of[name]), "share", examples=(examples or {}).get(measure)
            )
            for measure, of in scores.items()
        }
        for name in next(iter(scores.values()))
    ]
    return Picture("shares", figure, title, key), table(rows, caption)


def _ratio(gain: stats.Interval) -> stats.Interval:
    """The interval of a difference of logarithms as a relative change."""
    mean, low, high = np.expm1([gain.mean, gain.low, gain.high])
    return gain._replace(mean=float(mean), low=float(low), high=float(high))


def diagnoses(errors: pd.DataFrame, target: float, tolerance: float) -> Table:
    """Bias and variance by condition, as `stats.diagnose` tells them from mean errors.

    errors: `training` and `dev`, shares 0 … 1, one row a condition, which the named index says.
    """
    rows: list[dict[str, Cell]] = []
    for name, (training, dev) in errors[["training", "dev"]].astype(float).iterrows():
        found = stats.diagnose(training, dev, target, tolerance)
        rows.append({
            str(errors.index.name): f"{name:g}" if isinstance(name, float) else str(name),
            "training error (%)": training, "dev error (%)": dev,
            "bias (points)": found.bias, "variance (points)": found.variance,
            "finding": found.finding,
        })  # fmt: skip
    caption = (
        f"Mean errors over seeds; the target is {100 * target:g} %, more than "
        f"{100 * tolerance:g} points are high."
    )
    return table(rows, caption)
