"""Conditions at the hyperparameters that validation chose."""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxdl._kinds import Mode, kind
from jaxdl.stats.intervals import Interval, mean_interval, paired_interval
from jaxdl.stats.selection import chosen_trials, select


class Tuned(NamedTuple):
    """The trials of each condition at its chosen hyperparameters, which may report test scores.

    by, over: the columns that name a condition, and those searched for each condition.
    metric: of the choice.
    selection: one row per condition, as `select` gives it.
    trials: one row per condition and seed, as `chosen_trials` gives them.
    """

    by: tuple[str, ...]
    over: tuple[str, ...]
    metric: str
    selection: pd.DataFrame
    trials: pd.DataFrame

    def groups(self, column: str) -> "dict[Any, Tuned]":
        """The conditions split by one of their columns, in order of appearance."""
        rest = tuple(name for name in self.by if name != column)
        return {
            value: self._replace(
                by=rest,
                selection=self.selection[self.selection[column] == value],
                trials=self.trials[self.trials[column] == value],
            )
            for value in dict.fromkeys(self.selection[column])
        }

    def of(self, condition: Hashable) -> pd.DataFrame:
        """The trials of a condition: a value of `by`, or a tuple of them where `by` has several."""
        return _of(self.trials, self.by, condition)

    def scores(self, score: str, *, log: bool = False) -> pd.DataFrame:
        """`score`, or its natural logarithm, with one row per seed and one column per condition."""
        values = self.trials.assign(**{score: self.trials[score].astype(float)})
        index = list(self.by) if len(self.by) > 1 else self.by[0]
        wide = values.pivot(index="seed", columns=index, values=score)
        return np.log(wide) if log else wide

    def interval(self, score: str, condition: Hashable, examples: int | None = None) -> Interval:
        """The mean score of a condition over seeds, on the scale of its kind (`stats.kind`)."""
        return mean_interval(self.scores(score)[condition], kind(score).scale, examples=examples)

    def gain(
        self, score: str, condition: Hashable, baseline: Hashable, *, log: bool = False
    ) -> Interval:
        """The paired difference of two conditions over seeds, of logarithms where `log`."""
        seeds = self.scores(score, log=log)
        return paired_interval(seeds[condition], seeds[baseline])

    def gains(self, score: str, baseline: Hashable, *, log: bool = False) -> dict[Any, Interval]:
        """The `gain` of every other value of `by`, which names a single column, by that value."""
        (column,) = self.by
        others = [name for name in dict.fromkeys(self.selection[column]) if name != baseline]
        return {name: self.gain(score, name, baseline, log=log) for name in others}

    def gain_in_each(
        self, column: str, score: str, condition: Hashable, baseline: Hashable, *, log: bool = False
    ) -> dict[Any, Interval]:
        """The `gain` within each of the `groups` by a column."""
        return {
            name: group.gain(score, condition, baseline, log=log)
            for name, group in self.groups(column).items()
        }


def tune(
    frame: pd.DataFrame,
    by: str | Sequence[str],
    over: str | Sequence[str],
    metric: str = "validation_accuracy",
    mode: Mode | None = None,
) -> Tuned:
    """Chooses by the mean of a validation metric over seeds, each seed's by others (`select`)."""
    by = (by,) if isinstance(by, str) else tuple(by)
    over = (over,) if isinstance(over, str) else tuple(over)
    selection = select(frame, by, over, metric, mode)
    trials = chosen_trials(frame, selection, [*by, *over])
    return Tuned(by, over, metric, selection, trials)


def jointly_chosen(frame: pd.DataFrame, tuned: Tuned) -> pd.DataFrame:
    """The trials at the hyperparameters that all seeds of a condition chose together, by seed.

    For pictures and saved models; scores are those of `tuned.trials`.
    """
    return frame.merge(tuned.selection[[*tuned.by, *tuned.over]]).sort_values("seed", kind="stable")


def example(frame: pd.DataFrame, tuned: Tuned, condition: Hashable) -> dict[str, Any] | None:
    """The trial to look at closely: the first seed that ended, at the value that all seeds chose.

    Its own seed has taken part in the choice, so what it scores is no estimate.

    Args:
        frame: the trials that `tuned` was chosen from.
        tuned: the choice.
        condition: as in `Tuned.interval`.

    Returns:
        Its row, or None where no seed ended there.
    """
    mine = _of(jointly_chosen(frame[frame["status"] == "ok"], tuned), tuned.by, condition)
    rows = mine.head(1).to_dict("records")
    return {str(name): value for name, value in rows[0].items()} if rows else None


def _of(frame: pd.DataFrame, by: Sequence[str], condition: Hashable) -> pd.DataFrame:
    values = condition if len(by) > 1 and isinstance(condition, tuple) else (condition,)
    for column, value in zip(by, values, strict=True):
        frame = frame[frame[column] == value]
    return frame
