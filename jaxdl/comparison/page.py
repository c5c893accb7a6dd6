"""The sections of a report on a comparison."""

import numpy as np
import pandas as pd

from jaxdl import report, stats
from jaxdl.comparison import overall, pictures, searched, ways
from jaxdl.comparison.comparison import Comparison
from jaxdl.comparison.study import SEGMENTS
from jaxdl.report import Section
from jaxdl.report import tables as cells
from jaxdl.report.page import Block
from jaxdl.report.summaries import BORDER, UNSETTLED
from jaxdl.report.tables import Cell, Table, counted

DIFFERS = {
    "optimizer": "tuned baselines",
    "schedule": "other schedules, the rate tuned for each",
    "initializer": "other initializers, the optimizer tuned for each",
    "loss": "the workload's own loss, the optimizer tuned for each",
}
"""What a candidate of each kind is compared with."""
RAISED = "raised"
GAINS: dict[stats.Scale, str] = {"share": "gain (points)", "positive": "times smaller"}
"""How a mean gain on the metrics of a scale is headed."""
WIDTHS = (
    " In brackets the width, in powers of ten, of the rates that are within 1 % of the best (of "
    "shares: a point), > where an end of the search is one of them."
)


def sections(found: Comparison) -> list[Section]:
    """Gains, scores, times to targets, the search, the ways; the first is the one to read."""
    kind = found.study.entrants[found.candidate].kind
    first = Section(
        f"Against {DIFFERS[kind]}",
        (found.text(), _overall(found), _gains(found)),
    )
    made = [first, Section("On each workload", (pictures.victories(found), _scores(found)))]
    steps = found.times_of_workloads()
    if not steps.empty:
        told = f"the median of {found.whose}, evaluated {SEGMENTS} times"
        tables = [*_times(found, steps, told), *_externally_tuned(found)]
        made.append(Section("Time to the target", (*tables, *pictures.profile(found, steps))))
    search: list[Block] = [*searched.warnings(found), _chosen(found)]
    search += [*pictures.rates(found), *pictures.best_so_far(found)]
    made.append(Section("The search", search))
    drawn = ways.pictures(found)
    return [*made, Section("Ways over the landscapes", drawn)] if drawn else made


def _overall(found: Comparison) -> Table:
    steps, seconds = found.times_of_workloads(), found.times_of_workloads("seconds")
    rows = []
    for baseline in found.baselines:
        counts = overall.outcomes(found, baseline)
        row: dict[str, Cell] = {
            "against": baseline,
            "wins–ties–losses": "–".join(map(str, counts.values())),
            "a run is better (%)": overall.improvement(found, baseline),
        }
        for scale, name in GAINS.items():
            gain = overall.mean_gain(found, baseline, scale)
            if gain is not None:
                row[name] = gain.method if np.isnan(gain.mean) else gain
        for name, times in (("times sooner, steps", steps), ("times sooner, seconds", seconds)):
            if not times.isna().all(axis=None):
                row[name] = _speed(found, baseline, times)
        rows.append(row)
    return report.table(
        rows,
        f"Over {counted(len(found.study.workloads), 'workload')}, on test, of {found.whose}; 95 % "
        "intervals. A run is better: probability, what diverged has lost. Gain, times smaller: "
        "interquartile means of the paired differences of shares and ratios of other metrics, by "
        "the bootstrap within workloads. Times sooner: geometric mean over workloads of how many "
        "times sooner the target is reached, or on how many of them both reach it.",
    )


def _speed(found: Comparison, baseline: str, times: pd.DataFrame) -> Cell:
    """None where no time was taken of both."""
    taken = times[[found.candidate, baseline]].dropna()
    if taken.empty:
        return None
    speed = overall.speed_up(found, baseline, taken)
    if not np.isnan(speed.mean):
        return speed
    both = np.isfinite(taken.to_numpy(float)).all(axis=1)
    return f"{both.sum()} of {len(both)} reached"


def _gains(found: Comparison) -> Table:
    rows = [
        {
            "workload": workload.name,
            "against": baseline,
            "outcome": outcome,
            "difference on test": found.words(workload, baseline),
            "seeds to tell": overall.seeds_to_tell(found, workload, baseline),
        }
        for workload, baseline, _, outcome in found.gains()
    ]
    return report.table(
        rows,
        f"On {found.study.fresh_seeds} fresh seeds, paired; 95 % intervals, none corrected for the "
        "number of rows. Where the optimum is known nothing counts below the target. With seeds "
        "to tell a tie would be told with a probability of 80 %, were its difference the true one.",
    )


def _scores(found: Comparison) -> Table:
    rows, raised = [], found.raised
    for workload in found.study.workloads:
        mine = found.fresh[found.fresh["workload"].eq(workload.name)]
        share = workload.kind.scale == "share"
        metric = f"{workload.metric} (%)" if share else workload.metric
        row: dict[str, Cell] = {"workload": workload.name, "metric": metric}
        for name in found.study.entrants:
            if (workload.name, name) in raised:
                row[name] = RAISED
                continue
            values = mine.loc[mine["optimizer"].eq(name), f"test_{workload.metric}"]
            row[name] = (
                cells.estimate(
                    stats.mean_interval(values, workload.kind.scale), cells.cell_of(workload.kind)
                )
                if np.isfinite(values).all()
                else f"{(~np.isfinite(values)).sum()} of {len(values)} diverged"
            )
        rows.append(row)
    return report.table(
        rows,
        f"On test: means of {found.whose}, of losses and the like geometric; 95 % intervals over "
        "seeds.",
    )


def _externally_tuned(found: Comparison) -> list[Table]:
    """Times by AlgoPerf's protocol, of the points that it draws."""
    if found.study.protocol != "halton":
        return []
    steps = searched.of_studies(found)
    if steps.empty:
        return []
    count = found.study.points // searched.TRIALS
    last = "one study alone" if count == 1 else f"and the median over these {count} studies"
    return _times(
        found,
        steps,
        f"AlgoPerf's external tuning: of every {searched.TRIALS} of the {found.study.points} "
        f"points, in their order, the first that is there, by one of the seeds, {last}",
    )


def _times(found: Comparison, steps: pd.DataFrame, told: str) -> list[Table]:
    """Steps, and seconds where a time was taken."""
    caption = (
        f"Steps until validation is at the target, {told}; – where half of them or more miss it. "
        "Score: AlgoPerf's, 1 for the fastest on every workload."
    )
    rows: list[dict[str, Cell]] = [
        {"workload": str(name), **{one: _steps(value) for one, value in row.items()}}
        for name, row in steps.iterrows()
    ]
    tables = [report.table([*rows, _score(steps)], caption)]
    seconds = steps * found.paces().reindex_like(steps)
    if seconds.isna().all(axis=None):
        return tables
    rows = [
        {"workload": str(name), **row.to_dict()}
        for name, row in seconds.replace(np.inf, None).iterrows()
    ]
    compiling = found.clock.groupby("optimizer", sort=False)["compiling"].sum()
    rows.append(_score(seconds.fillna(np.inf)))
    rows.append({"workload": "compilation", **{name: float(compiling[name]) for name in seconds}})
    caption = (
        "The same in seconds: those steps at the pace of search and fresh seeds, which share the "
        "machine; evaluations and the starts of segments are among them, which where a step takes "
        "microseconds is most, compilation stands apart."
    )
    return [*tables, report.table(rows, caption)]


def _score(times: pd.DataFrame) -> dict[str, Cell]:
    score = stats.algoperf_score(times.to_numpy(float))
    return {"workload": "score", **{n: f"{v:.2f}" for n, v in zip(times, score, strict=True)}}


def _steps(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "–"


def _chosen(found: Comparison) -> Table:
    rows, told, raised = [], False, found.raised
    rates = found.chosen.set_index(["workload", "optimizer"])
    for workload in found.study.workloads:
        row: dict[str, Cell] = {"workload": workload.name}
        for name in found.study.entrants:
            if (workload.name, name) in raised:
                row[name] = RAISED
                continue
            choice = rates.loc[(workload.name, name)]
            mark = BORDER * ("learning_rate" in choice["borders"])
            if np.isnan(choice["validation"]):
                mark = UNSETTLED
            width = searched.width(found, workload, name)
            told |= width is not None
            row[name] = report.number(choice["learning_rate"]) + mark + _width(width)
        rows.append(row)
    return report.table(
        rows,
        f"The learning rate that validation chose, of {found.tried} over "
        f"{counted(found.study.seeds, 'seed')}.{WIDTHS * told} {BORDER} on the border of what was "
        f"searched; {UNSETTLED} a seed diverged at each.",
    )


def _width(found: stats.Sensitivity | None) -> str:
    if found is None:
        return ""
    return f" ({'> ' if found.at_end else ''}{found.decades:.1f})"
