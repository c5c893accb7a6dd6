"""What a sweep found, read back from disk."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_object_dtype

from jaxdl._text import significant
from jaxdl.data.errors import warn
from jaxdl.sweep import ledger, store
from jaxdl.sweep.space import Trial, trial_id

ENDED = ("ok", "pruned")
"""Trials that have a value: at their end, or where they were given up."""


class NoResult(UserWarning):
    """Nothing came out: the trials of a sweep diverged, or no point of a search has a number."""


class Results(NamedTuple):
    """Rows of the ledger, in the order of the trials, and where the curves lie."""

    rows: list[dict[str, Any]]
    workdir: Path

    def __repr__(self) -> str:
        """Where it lies, how many trials there are of what, and what became of them.

        No best of them: a single trial's would be chosen among seeds, and perhaps on test.
        """
        programs = list(dict.fromkeys(str(row.get("program")) for row in self.rows))
        named = f" of {', '.join(programs[:4])}{', …' * (len(programs) > 4)}" if programs else ""
        return f"Results in {self.workdir}\n  {len(self.rows)} trials{named}: {self.statuses()}"

    def statuses(self) -> str:
        """How many trials have which status, in words."""
        counts = Counter(str(row.get("status")) for row in self.rows)
        return ", ".join(f"{count} {status}" for status, count in counts.items()) or "none ended"

    def losses(self) -> str:
        """`statuses`, and what is to be said of the first trial that is not simply `ok`."""
        said = [f"of {row['program']}: {row['message']}" for row in self.rows if row.get("message")]
        return "; the first, ".join([self.statuses(), *said[:1]])

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        return ledger.to_pandas(self.rows)

    def frame(self) -> pd.DataFrame:
        """The rows as a DataFrame; numbers that a trial lacks are nan, in columns of floats."""
        table = ledger.to_pandas(self.rows)
        for name in table:
            values = table[name].dropna()
            if is_object_dtype(values) and all(isinstance(value, int | float) for value in values):
                table[name] = table[name].astype(float)
        return table

    def clock(self) -> pd.DataFrame:
        """What each program took, by its name, over all launches in this workdir.

        `compiling` and `running`, in seconds of the whole machine, evaluations among them; `steps`
        of training that ran in that time, of all trials together; where they run side by side,
        those of trials that have diverged too, which take as long. Of a chunk that was interrupted
        the time counts from where it went on.
        """
        noted = pd.DataFrame(store.read_clock(self.workdir))
        columns = ["compiling", "running", "steps"]
        if noted.empty:
            return pd.DataFrame(columns=columns, dtype=float)
        return noted.groupby("program", sort=False).sum().reindex(columns=columns).fillna(0.0)

    def curves(self) -> dict[str, np.ndarray]:
        """`trial: [N]` ids, `loss: [N, steps]` in training, evaluations `[N, segments]`; nan where
        a trial had stopped, and in all of a trial whose program failed."""
        curves = store.read_curves(self.workdir)
        place = {trial: number for number, trial in enumerate(curves.pop("trial").tolist())}
        names = np.array([row["trial"] for row in self.rows])
        failed = [row["status"] == "error" for row in self.rows]
        there = np.array([name in place for name in names], bool) & ~np.array(failed, bool)
        wanted = [place[name] for name in names[there]]
        found = {"trial": names}
        for name, values in curves.items():
            found[name] = np.full((len(names), values.shape[1]), np.nan, values.dtype)
            found[name][there] = values[wanted]
        return found

    def curve_frame(self, name: str, trials: pd.DataFrame) -> pd.DataFrame:
        """A curve as a DataFrame with one row a trial and step, for plots.

        trials: the rows of `frame()` that are wanted; their columns are repeated, beside
        `step` (from 1) and the curve's value under its name.
        """
        curves = self.curves()
        place = {trial: number for number, trial in enumerate(curves["trial"].tolist())}
        values = curves[name][[place[trial] for trial in trials["trial"]]]
        steps = values.shape[1]
        frame = trials.loc[trials.index.repeat(steps)].reset_index(drop=True)
        step = np.tile(np.arange(1, steps + 1), len(trials))
        return frame.assign(**{"step": step, name: values.ravel()})


def load(workdir: str | Path) -> Results:
    """What a sweep has found so far, be it finished, at work or interrupted; nothing is written.

    The rows are those of its ledger, in their order, and then those of workers that have not been
    merged into it. Raises FileNotFoundError where there is no sweep, LedgerError for a line that is
    no row.
    """
    workdir = Path(workdir)
    if not any(path.exists() for path in store.ledgers(workdir)):
        raise FileNotFoundError(f"{workdir} holds no sweep: there is no {store.LEDGER}")
    return Results(store.rows(workdir), workdir)


def warn_if_nothing(found: Results) -> Results:
    """The results; warns (NoResult) where trials diverged and none came to its end."""
    statuses = {row["status"] for row in found.rows}
    if "diverged" in statuses and not statuses & {*ENDED}:
        warn(f"{found.workdir}: no trial has a result: {found.losses()}", NoResult)
    return found


def point(values: Mapping[str, Any]) -> str:
    """Hyperparameters in words."""
    return ", ".join(
        f"{name} {significant(value) if isinstance(value, float) else value}"
        for name, value in values.items()
    )


def collect(workdir: Path, trials: Sequence[Trial]) -> Results:
    """Merges the curves and reads the ledger back."""
    store.gather_curves(workdir, trials)
    rows = {row["trial"]: row for row in ledger.read(workdir / store.LEDGER)}
    ids = [trial_id(trial) for trial in trials]
    found = [rows[name] for name in ids if name in rows]
    if len(found) == len(ids):
        store.drop_states(workdir)
    return Results(found, workdir)
