"""What a study found about one optimizer, against each of the others."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from jaxdl import stats, sweep
from jaxdl.comparison.entrants import Entrant, entrant, find
from jaxdl.comparison.study import SEGMENTS, Study
from jaxdl.sweep.space import Distribution
from jaxdl.workloads import Workload, named

BASELINES = ("sgd", "momentum", "adam")
WORKLOADS = ("ravine", "rosenbrock", "quadratic_deep", "breast_cancer", "digits_mlp", "digits_cnn")
"""Minutes on two cores."""
LEAST = float(np.finfo(np.float32).tiny)
Outcome = Literal["wins", "ties", "loses"]


class Comparison(NamedTuple):
    """A candidate against baselines.

    search, fresh: the trials of the search and those of the chosen points on fresh seeds, with the
    columns `workload` and `optimizer`. chosen: as `Study.choose` gives it.
    """

    candidate: str
    study: Study
    search: pd.DataFrame
    fresh: pd.DataFrame
    chosen: pd.DataFrame

    @property
    def baselines(self) -> tuple[str, ...]:
        """All others."""
        return tuple(name for name in self.study.entrants if name != self.candidate)

    def gain(self, workload: Workload, baseline: str) -> stats.Interval:
        """How much better the candidate is on test, paired over fresh seeds; above 0 is better.

        Of accuracies and other shares the difference; of positive quantities, such as losses, the
        natural logarithm of the ratio.
        """
        scores = self.fresh[self.fresh["workload"].eq(workload.name)].pivot(
            index="seed", columns="optimizer", values=f"test_{workload.metric}"
        )
        sign = 1.0 if workload.kind.mode == "max" else -1.0
        if workload.kind.scale == "positive":
            scores = np.log(scores.clip(lower=LEAST))
        return stats.paired_interval(sign * scores[self.candidate], sign * scores[baseline])

    def table(self) -> pd.DataFrame:
        """A row for each workload and baseline: the gain, its interval, and who is better.

        Columns `workload`, `baseline`, `metric`, `gain`, `low`, `high`, `n`, `outcome`, `method`.
        """
        rows = []
        for workload in self.study.workloads:
            for baseline in self.baselines:
                found = self.gain(workload, baseline)
                rows.append(
                    {
                        "workload": workload.name,
                        "baseline": baseline,
                        "metric": workload.metric,
                        "gain": found.mean,
                        "low": found.low,
                        "high": found.high,
                        "n": found.n,
                        "outcome": _outcome(found),
                        "method": found.method,
                    }
                )
        return pd.DataFrame(rows)

    def text(self) -> str:
        """Where the candidate wins, ties and loses against its strongest baseline, in a paragraph.

        The strongest of a workload is the one that validation puts first, so that the comparison on
        test has not seen who was chosen.
        """
        said: dict[Outcome, list[str]] = {"wins": [], "ties": [], "loses": []}
        for workload in self.study.workloads:
            strongest = self._strongest(workload)
            found = self.gain(workload, strongest)
            words = f"{workload.name} ({_amount(workload, found)} against {strongest})"
            said[_outcome(found)].append(words)
        parts = [f"{self.candidate} {how} on {', '.join(on)}" for how, on in said.items() if on]
        study = self.study
        return (
            f"{'; '.join(parts)}. Against the strongest of {', '.join(self.baselines)} by "
            f"validation, each at the best of its {study.protocol} search"
            f"{self._tried()} over {study.seeds} seeds, then judged on test by {study.fresh_seeds} "
            f"fresh seeds, with 95 % intervals.{self._border()}"
        )

    def _strongest(self, workload: Workload) -> str:
        mine = self.chosen[self.chosen["workload"].eq(workload.name)]
        others = mine[mine["optimizer"].ne(self.candidate)].set_index("optimizer")["validation"]
        if others.isna().all():
            return str(others.index[0])
        return str(others.idxmax() if workload.kind.mode == "max" else others.idxmin())

    def _tried(self) -> str:
        return "" if self.study.protocol == "defaults" else f" of {self.study.points} points"

    def _border(self) -> str:
        edges = [
            f"{row['optimizer']} on {row['workload']} ({', '.join(row['borders'])})"
            for row in self.chosen.to_dict("records")
            if row["on_border"]
        ]
        if not edges:
            return ""
        return f" The best lies on the border of what was searched, so it may be beyond: " + (
            f"{', '.join(edges)}."
        )


def compare(
    candidate: str | Entrant | Callable[..., Any],
    baselines: Sequence[str] = BASELINES,
    workloads: Sequence[str | Workload] = WORKLOADS,
    *,
    workdir: str | Path | None = None,
    progress: sweep.Progress | None = None,
    **options: Any,
) -> Comparison:
    """Is this optimizer better than tuned baselines?

    Args:
        candidate: `learning_rate -> optax.GradientTransformation`, an `Entrant`, a name, or
            `module:function`.
        baselines: names in `ENTRANTS`.
        workloads: names in `workloads.WORKLOADS`, or workloads.
        workdir: where trials are kept, so that the same call goes on after a kill; None: nowhere.
        progress: `sweep.reporter()` shows it.
        options: of `Study`: `protocol`, `points`, `seeds`, `fresh_seeds`, `shape`.

    Returns:
        What was found: `.text()`, `.table()`, and the trials as pandas frames.

    Raises:
        ValueError: for what is no optimizer, baseline or workload, in one line.
    """
    name, one = find(candidate) if isinstance(candidate, str) else _named(candidate)
    entrants = {name: one, **dict(find(baseline) for baseline in baselines if baseline != name)}
    chosen = [named(each) if isinstance(each, str) else each for each in workloads]
    study = Study(entrants, chosen, **options)
    if workdir is not None:
        return run(study, name, Path(workdir), progress)
    with tempfile.TemporaryDirectory() as folder:
        return run(study, name, Path(folder), progress)


def run(
    study: Study, candidate: str, workdir: Path, progress: sweep.Progress | None = None
) -> Comparison:
    """Searches, chooses and confirms."""
    plan = study.plan()
    found = plan.execute(workdir, progress=progress)
    again = study.confirm(plan, found).execute(workdir, progress=progress)
    return conclude(study, candidate, found, again)


def conclude(
    study: Study, candidate: str, found: sweep.Results, again: sweep.Results
) -> Comparison:
    """What the two sweeps of a study say of the candidate."""
    frame = found.frame()
    return Comparison(candidate, study, frame, again.frame(), study.choose(frame))


def _named(candidate: Entrant | Callable[..., Any]) -> tuple[str, Entrant]:
    made = candidate.make if isinstance(candidate, Entrant) else candidate
    name = getattr(made, "__name__", "candidate")
    return name, entrant(candidate, name)


def _outcome(found: stats.Interval) -> Outcome:
    if found.low > 0:
        return "wins"
    return "loses" if found.high < 0 else "ties"


def _amount(workload: Workload, found: stats.Interval) -> str:
    """The gain in words: points of a share, or a ratio."""
    if workload.kind.scale == "positive":
        ratio, low, high = np.exp([found.mean, found.low, found.high])
        return f"{workload.metric} {ratio:.3g} times better, {low:.3g} … {high:.3g}"
    mean, low, high = 100 * np.array([found.mean, found.low, found.high])
    return f"{mean:+.2f} points of {workload.metric}, {low:+.2f} … {high:+.2f}"
