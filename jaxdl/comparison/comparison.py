"""What a study found about one optimizer, against each of the others."""

import itertools
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl.comparison.study import Study
from jaxdl.comparison.words import Outcome, amount, least, outcome, steps_of
from jaxdl.report.tables import counted
from jaxdl.workloads import Workload

NO_TIMES = pd.DataFrame(columns=["workload", "optimizer", "running", "compiling"])


class Comparison(NamedTuple):
    """A candidate against baselines.

    search, fresh: the trials of the search and those of the chosen points on fresh seeds, with the
    columns `workload` and `optimizer`; of the search `arrived`, too, the steps until validation was
    at the target. What raised has no fresh trials, see `raised`. chosen: as `Study.choose` gives
    it. times: steps and seconds until the target was reached on validation, of fresh seeds; inf for
    a miss, of a diverged trial too. clock: of each workload and optimizer the seconds of a step,
    `running`, and those of `compiling`; nan where no time was taken.
    """

    candidate: str
    study: Study
    search: pd.DataFrame
    fresh: pd.DataFrame
    chosen: pd.DataFrame
    times: pd.DataFrame
    clock: pd.DataFrame = NO_TIMES

    @property
    def baselines(self) -> tuple[str, ...]:
        """All others."""
        return tuple(name for name in self.study.entrants if name != self.candidate)

    @property
    def raised(self) -> dict[tuple[str, str], str]:
        """What programs raised, by workload and optimizer, in the search or on fresh seeds."""
        return {
            (row["workload"], row["optimizer"]): row["message"]
            for frame in (self.search, self.fresh)
            for row in frame[frame["status"].eq("error")].to_dict("records")
        }

    @property
    def whose(self) -> str:
        """Of whom a number is, for a caption: seeds, points, budget."""
        study = self.study
        return f"{study.fresh_seeds} fresh seeds {self._chosen_of()}, within {self.budget}"

    @property
    def budget(self) -> str:
        """Steps of a trial, from the fewest to the most of a workload, for a caption."""
        return steps_of(self.study.budget(each) for each in self.study.workloads)

    @property
    def tried(self) -> str:
        """What the search has of each optimizer, for a caption."""
        if self.study.protocol == "defaults":
            return "its defaults"
        return f"{counted(self.study.points, 'point')} ({self.study.protocol})"

    def gain(self, workload: Workload, baseline: str) -> stats.Interval:
        """How much better the candidate is on test, paired over fresh seeds; above 0 is better.

        Of accuracies and other shares the difference; of positive quantities, such as losses, the
        natural logarithm of the ratio. Where the optimum is known what is nearer to it than the
        target counts as the target: the rest is rounding.
        """
        scores = self.scores(workload)
        return stats.paired_interval(scores[self.candidate], scores[baseline])

    def improvement(self, workload: Workload, baseline: str) -> stats.Interval:
        """The probability that a run of the candidate is better than one of the baseline.

        A run that diverged or raised is worse than any that did not. ValueError for a single fresh
        seed.
        """
        scores = self.scores(workload).fillna(-np.inf)
        return stats.probability_of_improvement(scores[self.candidate], scores[baseline])

    def is_told_by_runs(self, workload: Workload, baseline: str) -> bool:
        """Whether the `gain` has no interval: a seed diverged, or all differ alike, and not by 0.

        Then it is the `improvement` that tells who is better.
        """
        gain = self.gain(workload, baseline)
        return bool(np.isnan(gain.low)) and gain.mean != 0

    def outcome(self, workload: Workload, baseline: str) -> Outcome:
        """Who is better, as the interval of the `gain` says, or else that of the `improvement`.

        Where it `is_told_by_runs`, one that diverges where the other does not has lost. One that
        raised has lost to one that did not, however few the seeds: it would raise on any.
        """
        raised = [(workload.name, name) in self.raised for name in (self.candidate, baseline)]
        if raised[0] != raised[1]:
            return "loses" if raised[0] else "wins"
        gain = self.gain(workload, baseline)
        if not self.is_told_by_runs(workload, baseline) or gain.n < 2:
            return outcome(gain)
        found = self.improvement(workload, baseline)
        return outcome(found._replace(low=found.low - 0.5, high=found.high - 0.5))

    def words(self, workload: Workload, baseline: str) -> str:
        """The `gain` in words, or who raised, or how many fresh seeds diverged and what that makes
        of the `improvement`."""
        gain, names = self.gain(workload, baseline), [self.candidate, baseline]
        if not np.isnan(gain.mean):
            return amount(workload, gain)
        raised = self.raised
        told = [(name, raised.get((workload.name, name))) for name in names]
        if any(message for _, message in told):
            return ", ".join(f"{name} raises {message}" for name, message in told if message)
        lost = self.scores(workload)[names].isna().sum()
        said = [f"{count} of {gain.n} seeds of {name}" for name, count in lost.items() if count]
        if not said:
            return amount(workload, gain)
        if gain.n < 2:
            return f"{' and '.join(said)} diverged"
        better = self.improvement(workload, baseline)
        share, low, high = 100 * np.array(better[:3])
        return (
            f"{' and '.join(said)} diverged: a run is better with a probability of {share:.0f} %, "
            f"{low:.0f} … {high:.0f}"
        )

    def scores(self, workload: Workload) -> pd.DataFrame:
        """Of fresh seeds on test, `[seeds, optimizers]`, more is better; NaN where one diverged or
        raised.

        Of positive quantities the logarithm.
        """
        scores = self.fresh[self.fresh["workload"].eq(workload.name)].pivot(
            index="seed", columns="optimizer", values=f"test_{workload.metric}"
        )
        seeds = pd.Index(self.fresh["seed"].unique(), name="seed")
        scores = scores.reindex(index=seeds, columns=[*self.study.entrants]).astype(float)
        if workload.kind.scale == "positive":
            scores = np.log(scores.clip(lower=least(workload)))
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

    def times_of_workloads(self, unit: Literal["steps", "seconds"] = "steps") -> pd.DataFrame:
        """Median time to the target over fresh seeds, `[workloads that have one, optimizers]`, inf
        for who raised.

        Seconds are those of a step where many trials run at once on the whole machine, evaluations
        among them, compilation apart; nan where no time was taken.
        """
        wide = self.times.groupby(["workload", "optimizer"], sort=False)[unit].median()
        table = wide.unstack("optimizer").reindex(columns=list(self.study.entrants))
        for workload, name in set(self.raised) & set(itertools.product(table.index, table)):
            table.loc[workload, name] = np.inf
        return table

    def paces(self) -> pd.DataFrame:
        """Seconds of a step, `[workloads, optimizers]`; nan where no time was taken."""
        wide = self.clock.pivot(index="workload", columns="optimizer", values="running")
        return wide.astype(float)

    def text(self) -> str:
        """Where the candidate wins, ties and loses against its strongest baseline, in a paragraph.

        The strongest of a workload is the one that validation puts first, so that the comparison on
        test has not seen who was chosen.
        """
        said: dict[Outcome, list[str]] = {"wins": [], "ties": [], "loses": []}
        for workload in self.study.workloads:
            strongest = self.strongest(workload)
            found = f"{self.words(workload, strongest)}{self._sooner(workload, strongest)}"
            raised = {(workload.name, name) for name in (self.candidate, strongest)}
            comma = "," if raised & set(self.raised) else ""  # A message may be of any words.
            words = f"{workload.name} ({found}{comma} against {strongest})"
            said[self.outcome(workload, strongest)].append(words)
        parts = [f"{self.candidate} {how} on {', '.join(on)}" for how, on in said.items() if on]
        study = self.study
        return (
            f"{'; '.join(parts)}. {self._against()}, each {self._chosen_of()}, then judged on "
            f"test by {study.fresh_seeds} fresh seeds, with 95 % intervals.{self._few()}"
            f"{self._floor()}{self._border()}"
        )

    def headline(self) -> str:
        """On how many workloads the candidate is better or worse than its strongest baseline."""
        outcomes = [self.outcome(each, self.strongest(each)) for each in self.study.workloads]
        counts = [f"{how} on {outcomes.count(how)}" for how in ("wins", "ties", "loses")]
        against = self._against()
        return (
            f"{self.candidate} {', '.join(counts)} of {counted(len(outcomes), 'workload')}, "
            f"{against[0].lower()}{against[1:]}."
        )

    def __repr__(self) -> str:
        return self.text()

    def _sooner(self, workload: Workload, baseline: str) -> str:
        """By which factor the target is reached in fewer or more steps, where nearer is equal."""
        times = self.times_of_workloads()
        if least(workload) != workload.target or workload.name not in times.index:
            return ""
        mine, other = times.loc[workload.name, [self.candidate, baseline]].to_numpy(float)
        if not 0 < min(mine, other) < max(mine, other) < np.inf:
            return ""
        how, factor = ("fewer", other / mine) if mine < other else ("more", mine / other)
        return f", there in {factor:.3g} times {how} steps"

    def strongest(self, workload: Workload) -> str:
        """The baseline that validation puts first."""
        mine = self.chosen[self.chosen["workload"].eq(workload.name)]
        others = mine[mine["optimizer"].ne(self.candidate)].set_index("optimizer")["validation"]
        if others.isna().all():
            return str(others.index[0])
        return str(others.idxmax() if workload.kind.mode == "max" else others.idxmin())

    def _against(self) -> str:
        if len(self.baselines) == 1:
            return f"Against {self.baselines[0]}"
        return f"Against the strongest of {', '.join(self.baselines)} by validation"

    def _chosen_of(self) -> str:
        study = self.study
        if study.protocol == "defaults":
            return "at the defaults"
        return f"at the best of {self.tried} over {counted(study.seeds, 'seed')}"

    def _few(self) -> str:
        if self.study.fresh_seeds >= stats.ENOUGH:
            return ""
        return f" Of fewer than {stats.ENOUGH} seeds the coverage of an interval is not assured."

    def _floor(self) -> str:
        known = [each.name for each in self.study.workloads if least(each) == each.target]
        if not known:
            return ""
        return (
            f" On {', '.join(known)} all that is nearer to the optimum than the target is equal, "
            "and what is there sooner is chosen."
        )

    def _border(self) -> str:
        edges = [
            f"{row['optimizer']} on {row['workload']} ({', '.join(row['borders'])})"
            for row in self.chosen.to_dict("records")
            if row["on_border"] and not np.isnan(row["validation"])
        ]
        if not edges:
            return ""
        return " The best lies on the border of what was searched, so it may be beyond: " + (
            f"{', '.join(edges)}."
        )
