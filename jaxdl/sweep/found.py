"""What a search found."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl._text import significant
from jaxdl.sweep.asking import Goal
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.results import ENDED, Results, point
from jaxdl.sweep.space import Point

OF_CHOICES = frozenset({
    "eligible", "on_border", "borders", "share_diverged", "chosen_on", "choices",
})  # fmt: skip
"""Columns that `stats.select` adds to a point."""
TAKEN = OF_CHOICES | {"value", "status", "seed"}
"""Columns of points and of choices among them, beside hyperparameters."""
WORSE = (*ENDED, "diverged", "error")


class Winner(NamedTuple):
    """The point of a program that is best on validation by the mean over the seeds.

    value: of the metric, that mean; nan where no point has a number of every seed. It has been
        chosen by, and so is too good: `Found.tuned` has what may be reported.
    borders: the hyperparameters of which it is the smallest or the largest number tried.
    rows: its trials, for `Plan.replay`.
    """

    program: str
    hparams: Point
    value: float
    borders: tuple[str, ...]
    rows: list[dict[str, Any]]

    def __repr__(self) -> str:
        """All but the rows, of which it says how many there are."""
        parts = [f"{name}={value!r}" for name, value in self._asdict().items() if name != "rows"]
        return f"Winner({', '.join(parts)}, rows=<{len(self.rows)} trials>)"


class Found(NamedTuple):
    """The trials of a search, and the choice among them.

    goals: what was searched for each program. plan: what has run. method: in words.
    """

    goals: Mapping[str, Goal]
    plan: Plan
    results: Results
    method: str

    def __repr__(self) -> str:
        """What there is, in a few lines: points, what became of their trials, the winner."""
        counts = {name: len(self.points(name)) for name in self.goals}
        tried = ", ".join(f"{count} points of {name}" for name, count in counts.items())
        lines = [
            f"Found in {self.results.workdir} ({self.method}): {tried}, {self.seeds} seeds",
            f"{len(self.results.rows)} trials: {self.results.statuses()}",
        ]
        try:
            best = self.best
        except ValueError as error:
            return "\n  ".join([*lines, str(error)])
        value = f"{self.metric} {significant(best.value)} in the mean"
        return "\n  ".join([*lines, f"best {value}, of {best.program}: {point(best.hparams)}"])

    @property
    def metric(self) -> str:
        """By which is chosen."""
        return next(iter(self.goals.values())).metric

    @property
    def mode(self) -> stats.Mode:
        """Whether high or low is better."""
        return next(iter(self.goals.values())).direction

    @property
    def kind(self) -> stats.Kind:
        """Of the metric, also of one that `stats.kind` does not know."""
        try:
            return stats.kind(self.metric)
        except ValueError:
            return stats.Kind(self.mode, "1", "real")

    @property
    def seeds(self) -> int:
        """Of each point."""
        return len({trial.seed for trial in self.plan.trials})

    def frame(self) -> pd.DataFrame:
        """The trials, a row each; numbers that a trial lacks are nan."""
        return self.results.frame()

    def to_pandas(self) -> pd.DataFrame:
        """The rows of the ledger as they are."""
        return self.results.to_pandas()

    @property
    def tuned(self) -> stats.Tuned:
        """The choice of each program, and the trials that may report it: each seed at the point
        that other seeds chose. Programs that raised are left out."""
        frame = self.frame()
        whole = frame[frame["status"].ne("error")].reset_index(drop=True)
        over = dict.fromkeys(name for goal in self.goals.values() for name in goal.space)
        mine = [name for name in over if name in whole]
        return stats.tune(whole, "program", mine, self.metric, self.mode)

    @property
    def winners(self) -> dict[str, Winner]:
        """The best point of each program."""
        chosen = self.tuned.selection.to_dict("records")
        return {row["program"]: self._winner(row) for row in chosen}

    @property
    def best(self) -> Winner:
        """The best of all programs.

        Raises ValueError where no point has a number of every seed, as where all diverged.
        """
        winners = [each for each in self.winners.values() if not np.isnan(each.value)]
        if not winners:
            raise ValueError(f"there is no best, {self.nothing()}")
        return (max if self.mode == "max" else min)(winners, key=lambda each: each.value)

    def nothing(self) -> str:
        """What is to be said of a search that has no best."""
        return f"no point has a finite {self.metric} of every seed: {self.results.losses()}"

    def _winner(self, choice: Mapping[Any, Any]) -> Winner:
        program = choice["program"]
        names = list(self.goals[program].space)
        rows = [
            row
            for row in self.results.rows
            if row["program"] == program and all(row[name] == choice[name] for name in names)
        ]
        # As they were tried: in a column that other programs lack, whole numbers became floats.
        point = {name: rows[0][name] for name in names}
        return Winner(program, point, choice[self.metric], choice["borders"], rows)

    def points(self, program: str) -> pd.DataFrame:
        """One row a point of a program, in the order in which they were tried.

        Its hyperparameters; `value`, the mean of the metric over the seeds, of a pruned one where
        it was given up, nan where a seed diverged; `status`, the worst of its seeds'.
        """
        names = list(self.goals[program].space)
        rows = [row for row in self.results.rows if row["program"] == program]
        frame = pd.DataFrame(rows, columns=[*names, "status", self.metric])
        value = frame[self.metric].astype(float).where(frame["status"].isin(ENDED))
        groups = frame.assign(value=value).groupby(names, sort=False)
        found = groups["value"].agg(lambda seeds: seeds.mean(skipna=False)).reset_index()
        worst = groups["status"].agg(lambda seeds: max(seeds, key=WORSE.index))
        return found.assign(status=worst.to_numpy())
