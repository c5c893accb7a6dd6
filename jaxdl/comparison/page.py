"""The sections of a report on a comparison."""

import numpy as np
import pandas as pd

from jaxdl import report, stats
from jaxdl.comparison.comparison import Comparison
from jaxdl.report import Picture, Section, tables
from jaxdl.report.tables import Table
from jaxdl.workloads import Workload

FACTORS = np.geomspace(1, 8, 601)
"""Time in multiples of the fastest, in the picture of profiles."""


def sections(found: Comparison) -> list[Section]:
    """Gains, scores, times to targets and the searched rates; the first is the one to read."""
    blocks: list[str | Table | Picture] = [found.text(), _gains(found), _scores(found)]
    made = [Section(f"{found.candidate} against tuned baselines", blocks)]
    times = found.times_of_workloads()
    if not times.empty:
        made.append(Section("Time to the target", [_times(found, times), *_profile(times)]))
    several = found.search["learning_rate"].nunique() > len(found.study.entrants)
    searched = found.study.workloads if several else ()
    return [*made, Section("The search", [_rates(found, each) for each in searched])]


def _gains(found: Comparison) -> Table:
    rows = [
        {
            "workload": workload.name,
            "against": baseline,
            "outcome": outcome,
            "difference on test": found.words(workload, baseline),
        }
        for workload, baseline, _, outcome in found.gains()
    ]
    return report.table(
        rows,
        f"On {found.study.fresh_seeds} fresh seeds, paired; 95 % intervals, none corrected for the "
        "number of rows. Where the optimum is known nothing counts below the target.",
    )


def _scores(found: Comparison) -> Table:
    rows = []
    for workload in found.study.workloads:
        mine = found.fresh[found.fresh["workload"].eq(workload.name)]
        share = workload.kind.scale == "share"
        metric = f"{workload.metric} (%)" if share else workload.metric
        row: dict[str, tables.Cell] = {"workload": workload.name, "metric": metric}
        for name in found.study.entrants:
            values = mine.loc[mine["optimizer"].eq(name), f"test_{workload.metric}"]
            row[name] = (
                tables.estimate(
                    stats.mean_interval(values, workload.kind.scale), tables.cell_of(workload.kind)
                )
                if np.isfinite(values).all()
                else f"{(~np.isfinite(values)).sum()} of {len(values)} diverged"
            )
        rows.append(row)
    return report.table(rows, "On test: means of fresh seeds, of losses and the like geometric.")


def _times(found: Comparison, times: pd.DataFrame) -> Table:
    score = stats.algoperf_score(times.to_numpy())
    rows = [
        {"workload": name, **{one: _steps(value) for one, value in row.items()}}
        for name, row in times.iterrows()
    ]
    rows.append({"workload": "score", **{n: f"{v:.2f}" for n, v in zip(times, score, strict=True)}})
    return report.table(
        rows,
        "Steps until validation is at the target, the median of fresh seeds; – where half of them "
        "or more miss it. Score: AlgoPerf's, 1 for the fastest on every workload.",
    )


def _steps(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "–"


def _profile(times: pd.DataFrame) -> list[Picture]:
    if len(times) < 2:
        return []
    share = 100 * stats.time_profile(times.to_numpy(), FACTORS)
    frame = pd.DataFrame(share, columns=times.columns).assign(factor=FACTORS)
    long = frame.melt("factor", var_name="optimizer", value_name="share").assign(seed=0)
    figure = report.lines(
        long, x="factor", y="share", panel=None, line="optimizer", title="Performance profile",
        x_label="steps, in multiples of the fastest", y_label="workloads at the target (%)",
        y_scale="linear", points=len(FACTORS),
    )  # fmt: skip
    alt = "The share of workloads solved within a multiple of the fastest optimizer's steps."
    return [Picture("performance_profile", figure, alt, f"{len(times)} workloads with a target.")]


def _rates(found: Comparison, workload: Workload) -> Picture:
    name = workload.name
    metric = f"validation_{workload.metric}"
    mine = found.search[found.search["workload"].eq(name) & np.isfinite(found.search[metric])]
    share = workload.kind.scale == "share"
    shown = mine.assign(**{metric: mine[metric] * (100 if share else 1)})
    figure = report.lines(
        shown, x="learning_rate", y=metric, panel="workload", line="optimizer", title="",
        x_label="learning rate", y_label=f"{workload.metric}{' (%)' if share else ''}",
        y_scale="linear" if share else "log",
    )  # fmt: skip
    alt = f"{workload.metric} on validation by learning rate, on {name}"
    return Picture(f"rates_{name}", figure, alt, f"{alt}; bands over seeds.")
