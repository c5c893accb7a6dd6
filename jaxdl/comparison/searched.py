"""What the search of a comparison showed: was it wide enough, what do more points buy."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl.comparison.comparison import Comparison
from jaxdl.comparison.words import least
from jaxdl.stats import Kind
from jaxdl.workloads import Workload

ENDED = ("ok", "pruned")
"""Trials that have a value: at their end, or where they were given up."""
TRIALS = 5
"""Points of a study in AlgoPerf's external tuning, of which there are three."""
CHAIN = ("adam", "momentum", "sgd")
"""Each includes the next by its hyperparameters (Choi et al. 2019)."""


def points(found: Comparison, workload: Workload) -> pd.DataFrame:
    """One row a point that was tried: `optimizer`, `learning_rate`, `value`.

    value: of the metric on validation, the mean over seeds, geometric where it is positive; nan
    where a seed diverged. None of an optimizer that raised.
    """
    there = found.search["workload"].eq(workload.name) & found.search["status"].ne("error")
    mine = found.search[there]
    metric = mine[f"validation_{workload.metric}"].astype(float).where(mine["status"].isin(ENDED))
    if workload.kind.scale == "positive":
        metric = np.log(metric.clip(lower=least(workload)))
    names = {name for one in found.study.entrants.values() for name in one.point()}
    keys = ["optimizer", "learning_rate", *sorted(names & set(mine) - {"learning_rate"})]
    tried = mine[keys].assign(value=metric)
    means = tried.groupby(keys, dropna=False, sort=False)["value"].agg(
        lambda values: values.mean(skipna=False)
    )
    table = means.reset_index()
    return (
        table.assign(value=np.exp(table["value"])) if workload.kind.scale == "positive" else table
    )


def width(found: Comparison, workload: Workload, optimizer: str) -> stats.Sensitivity | None:
    """The region of its rates within 1 % of its best; None where not rates alone were searched."""
    tried = points(found, workload)
    mine = tried[tried["optimizer"].eq(optimizer)]
    rates = mine["learning_rate"].to_numpy(float)
    others = mine.drop(columns=["optimizer", "learning_rate", "value"]).nunique().gt(1).any()
    if others or len(rates) < 2 or len(set(rates)) < len(rates) or mine["value"].isna().all():
        return None
    return stats.rate_sensitivity(rates, mine["value"].to_numpy(float), workload.kind)


def best_so_far(found: Comparison, workload: Workload) -> pd.DataFrame:
    """The expected best of the first k points: `optimizer`, `points`, `value`.

    A point that diverged counts as the worst that did not, of any optimizer.
    """
    tried = points(found, workload)
    kind = workload.kind
    worst = tried["value"].min() if kind.mode == "max" else tried["value"].max()
    if np.isnan(worst):
        return pd.DataFrame(columns=["optimizer", "points", "value"])
    parts = []
    for name, values in tried.groupby("optimizer", sort=False)["value"]:
        count = np.arange(1, len(values) + 1)
        best = stats.best_of_first_k(values.fillna(worst), count, kind.mode)
        parts.append(pd.DataFrame({"optimizer": name, "points": count, "value": best}))
    return pd.concat(parts, ignore_index=True)


def of_studies(found: Comparison) -> pd.DataFrame:
    """Steps to the target by AlgoPerf's external tuning, `[workloads that have one, optimizers]`.

    A study is `TRIALS` points of the search that follow each other, by a seed of its own, or the
    first seed again where there are no more. Of each study the point counts that is there first,
    and of the studies the median; inf where half of them or more miss. No rows of fewer points.
    """
    rows = {}
    for workload in found.study.workloads:
        mine = found.search[found.search["workload"].eq(workload.name)]
        if workload.target is not None and found.study.points >= TRIALS:
            rows[workload.name] = {
                name: float(stats.median_of_best(_studies(mine[mine["optimizer"].eq(name)])))
                for name in found.study.entrants
            }
    return pd.DataFrame.from_dict(rows, "index", columns=list(found.study.entrants))


def _studies(trials: pd.DataFrame) -> np.ndarray:
    """Steps to the target, `[studies, TRIALS]`."""
    by_seed = [times.to_numpy(float) for _, times in trials.groupby("seed")["arrived"]]
    firsts = range(0, len(by_seed[0]) - TRIALS + 1, TRIALS)
    return np.stack(
        [by_seed[n % len(by_seed)][first : first + TRIALS] for n, first in enumerate(firsts)]
    )


def warnings(found: Comparison) -> Iterator[str]:
    """A line for each workload on which an optimizer is beaten by one that it includes.

    None where nothing was searched.
    """
    searched = found.study.protocol != "defaults"
    chain = [name for name in CHAIN if searched and name in found.study.entrants]
    for workload in found.study.workloads:
        scores = found.scores(workload)[chain].dropna(axis=1)
        if scores.shape[1] < 2 or len(scores) < 2:
            continue
        kind = Kind("max", "1", "real")
        line = stats.inclusion_warning({n: scores[n] for n in scores}, list(scores), kind)
        if line:
            logarithm = "the logarithm of " if workload.kind.scale == "positive" else ""
            yield f"On {workload.name} {line} in {logarithm}{workload.metric} on test."
