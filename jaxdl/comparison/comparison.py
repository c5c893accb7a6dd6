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
from jaxdl.workloads import Workload, named

BASELINES = ("sgd", "momentum", "adam")
WORKLOADS = ("ravine", "rosenbrock", "quadratic_deep", "breast_cancer", "digits_mlp", "digits_cnn")
"""Minutes on two cores."""
OF_OPTIMA = ("distance", "excess")
"""Metrics that are 0 at the optimum."""
Outcome = Literal["wins", "ties", "loses"]


class Comparison(NamedTuple):
    """A candidate against baselines.

    search, fresh: the trials of the search and those of the chosen points on fresh seeds, with the
    columns `workload` and `optimizer`. chosen: as `Study.choose` gives it. times: steps until
    the target was reached on validation, of fresh seeds; inf for a miss, of a diverged trial too.
    """

    candidate: str
    study: Study
    search: pd.DataFrame
    fresh: pd.DataFrame
    chosen: pd.DataFrame
    times: pd.DataFrame

    @property
    def baselines(self) -> tuple[str, ...]:
        """All others."""
        return tuple(name for name in self.study.entrants if name != self.candidate)

    def gain(self, workload: Workload, baseline: str) -> stats.Interval:
        """How much better the candidate is on test, paired over fresh seeds; above 0 is better.

        Of accuracies and other shares the difference; of positive quantities, such as losses, the
        natural logarithm of the ratio. Where the optimum is known what is nearer to it than the
        target counts as the target: the rest is rounding.
        """
        scores = self._scores(workload)
        return stats.paired_interval(scores[self.candidate], scores[baseline])

    def outcome(self, workload: Workload, baseline: str) -> Outcome:
        """Who is better, as the `gain` says.

        There is none where a seed diverged. Then it is the interval of the probability that a run
        of the candidate is better than one of the baseline, to which diverged ones are the worst.
        """
        gain = self.gain(workload, baseline)
        scores = self._scores(workload).fillna(-np.inf)
        if not np.isnan(gain.mean) or len(scores) < 2:
            return outcome(gain)
        found = stats.probability_of_improvement(scores[self.candidate], scores[baseline])
        return outcome(found._replace(low=found.low - 0.5, high=found.high - 0.5))

    def words(self, workload: Workload, baseline: str) -> str:
        """The `gain` in words, or how many fresh seeds diverged."""
        gain = self.gain(workload, baseline)
        if not np.isnan(gain.mean):
            return amount(workload, gain)
        lost = self._scores(workload)[[self.candidate, baseline]].isna().sum()
        said = [f"{count} of {gain.n} seeds of {name}" for name, count in lost.items() if count]
        return f"{' and '.join(said)} diverged" if said else amount(workload, gain)

    def _scores(self, workload: Workload) -> pd.DataFrame:
        """Of fresh seeds on test, `[seeds, optimizers]`, more is better; NaN where one diverged."""
        scores = self.fresh[self.fresh["workload"].eq(workload.name)].pivot(
            index="seed", columns="optimizer", values=f"test_{workload.metric}"
        )
        if workload.kind.scale == "positive":
            scores = np.log(scores.clip(lower=_least(workload)))
        return scores if workload.kind.mode == "max" else -scores

    def gains(self) -> list[tuple[Workload, str, stats.Interval, Outcome]]:
        """The `gain` on each workload over each baseline, and who is better."""
        found = [
            (workload, baseline, self.gain(workload, baseline))
            for workload in self.study.workloads
            for baseline in self.baselines
        ]
        return [(*each, self.outcome(*each[:2])) for each in found]

    def table(self) -> pd.DataFrame:
        """`gains` as a frame: `workload`, `baseline`, `metric`, `outcome`, and the interval's own
        `mean`, `low`, `high`, `n`, `method`."""
        return pd.DataFrame(
            {
                "workload": workload.name,
                "baseline": baseline,
                "metric": workload.metric,
                "outcome": outcome,
                **gain._asdict(),
            }
            for workload, baseline, gain, outcome in self.gains()
        ).drop(columns="needs")

    def times_of_workloads(self) -> pd.DataFrame:
        """Median steps to the target over fresh seeds, `[workloads that have one, optimizers]`."""
        wide = self.times.groupby(["workload", "optimizer"], sort=False)["steps"].median()
        return wide.unstack("optimizer").reindex(columns=list(self.study.entrants))

    def text(self) -> str:
        """Where the candidate wins, ties and loses against its strongest baseline, in a paragraph.

        The strongest of a workload is the one that validation puts first, so that the comparison on
        test has not seen who was chosen.
        """
        said: dict[Outcome, list[str]] = {"wins": [], "ties": [], "loses": []}
        for workload in self.study.workloads:
            strongest = self.strongest(workload)
            words = f"{workload.name} ({self.words(workload, strongest)} against {strongest})"
            said[self.outcome(workload, strongest)].append(words)
        parts = [f"{self.candidate} {how} on {', '.join(on)}" for how, on in said.items() if on]
        study = self.study
        return (
            f"{'; '.join(parts)}. Against the strongest of {', '.join(self.baselines)} by "
            f"validation, each at the best of {self._tried()} over "
            f"{study.seeds} seeds, then judged on test by {study.fresh_seeds} "
            f"fresh seeds, with 95 % intervals.{self._floor()}{self._border()}"
        )

    def strongest(self, workload: Workload) -> str:
        """The baseline that validation puts first."""
        mine = self.chosen[self.chosen["workload"].eq(workload.name)]
        others = mine[mine["optimizer"].ne(self.candidate)].set_index("optimizer")["validation"]
        if others.isna().all():
            return str(others.index[0])
        return str(others.idxmax() if workload.kind.mode == "max" else others.idxmin())

    def _tried(self) -> str:
        if self.study.protocol == "defaults":
            return "its defaults"
        return f"{self.study.points} points ({self.study.protocol})"

    def _floor(self) -> str:
        known = [each.name for each in self.study.workloads if each.metric in OF_OPTIMA]
        if not known:
            return ""
        return f" On {', '.join(known)} all that is nearer to the optimum than the target is equal."

    def _border(self) -> str:
        edges = [
            f"{row['optimizer']} on {row['workload']} ({', '.join(row['borders'])})"
            for row in self.chosen.to_dict("records")
            if row["on_border"]
        ]
        if not edges:
            return ""
        return " The best lies on the border of what was searched, so it may be beyond: " + (
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
        options: of `Study`: `protocol`, `points`, `seeds`, `fresh_seeds`, `shape`,
            `sampler`.

    Returns:
        What was found: `.text()`, `.table()`, and the trials as pandas frames.

    Raises:
        ValueError: for what is no optimizer, baseline or workload, in one line.
        RuntimeError: for a program that raises, naming it.
    """
    name, one = find(candidate) if isinstance(candidate, str) else _named(candidate)
    name, entrants = against(name, one, baselines)
    chosen = [named(each) if isinstance(each, str) else each for each in workloads]
    study = Study(entrants, chosen, **options)
    if workdir is not None:
        return run(study, name, Path(workdir), progress)
    with tempfile.TemporaryDirectory() as folder:
        return run(study, name, Path(folder), progress)


def against(
    name: str, candidate: Entrant, baselines: Sequence[str]
) -> tuple[str, dict[str, Entrant]]:
    """The name of a candidate, and it with its baselines: none of another's name is lost.

    ValueError where no baseline is left.
    """
    if isinstance(baselines, str):
        raise ValueError(f"baselines: give a sequence of names, such as ({baselines!r},)")
    found = dict(find(each) for each in baselines)
    if found.get(name) is candidate:
        del found[name]
    if name in found:
        name = f"{name} (candidate)"
    if not found:
        raise ValueError(f"baselines: there is none that {name} is compared with")
    return name, {name: candidate, **found}


def run(
    study: Study, candidate: str, workdir: Path, progress: sweep.Progress | None = None
) -> Comparison:
    """Searches, chooses and confirms. Raises RuntimeError for a program that raises, naming it."""
    plan = study.plan()
    found = _sound(plan.execute(workdir, progress=progress))
    again = _sound(study.confirm(plan, found).execute(workdir, progress=progress))
    return conclude(study, candidate, found, again)


def conclude(
    study: Study, candidate: str, found: sweep.Results, again: sweep.Results
) -> Comparison:
    """What the two sweeps of a study say of the candidate."""
    frame, fresh = found.frame(), again.frame()
    times = pd.concat([_times(each, fresh, again.curves()) for each in study.workloads])
    return Comparison(candidate, study, frame, fresh, study.choose(frame), times)


def _sound(results: sweep.Results) -> sweep.Results:
    said = {row["program"]: row["message"] for row in results.rows if row["status"] == "error"}
    if said:
        raise RuntimeError("; ".join(f"{program}: {message}" for program, message in said.items()))
    return results


def _times(workload: Workload, fresh: pd.DataFrame, curves: dict[str, np.ndarray]) -> pd.DataFrame:
    """The columns `workload`, `optimizer`, `seed` and `steps`; no row where there is no target."""
    mine = fresh["workload"].eq(workload.name).to_numpy()
    rows = fresh.loc[mine, ["workload", "optimizer", "seed"]]
    if workload.target is None:
        return rows.iloc[:0].assign(steps=[])
    measured = curves[f"validation_{workload.metric}"][mine]
    ends = (np.arange(SEGMENTS) + 1) * (workload.steps // SEGMENTS)
    return rows.assign(steps=stats.time_to_target(ends, measured, workload.target, workload.kind))


def _named(candidate: Entrant | Callable[..., Any]) -> tuple[str, Entrant]:
    made = candidate.make if isinstance(candidate, Entrant) else candidate
    name = getattr(made, "__name__", "candidate").replace("<lambda>", "candidate")
    return name, entrant(candidate, name)


def _least(workload: Workload) -> float:
    """Below which positive scores are not told apart."""
    if workload.metric in OF_OPTIMA and workload.target is not None:
        return workload.target
    return float(np.finfo(np.float32).tiny)


def outcome(found: stats.Interval) -> Outcome:
    """What an interval of a gain says; bounds of nan say nothing, a tie."""
    if found.low > 0:
        return "wins"
    return "loses" if found.high < 0 else "ties"


def amount(workload: Workload, found: stats.Interval) -> str:
    """A gain in words: points of a share, or how many times a positive quantity is smaller."""
    if workload.kind.scale != "positive":
        mean, low, high = 100 * np.array([found.mean, found.low, found.high])
        bounds = f": {found.method}" if np.isnan(low) else f", {low:+.2f} … {high:+.2f}"
        return f"{mean:+.2f} points of {workload.metric}{bounds}"
    if found.mean == 0:
        return f"equal {workload.metric}"
    if np.isnan(found.low):
        return f"{workload.metric}: {found.method}"
    better = found.mean > 0
    how = "smaller" if better == (workload.kind.mode == "min") else "larger"
    sign = 1 if better else -1
    low, ratio, high = np.exp(np.sort(sign * np.array([found.low, found.mean, found.high])))
    return f"{workload.metric} {ratio:.3g} times {how}, {low:.3g} … {high:.3g}"
