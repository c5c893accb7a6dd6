"""What a comparison says over all its workloads together (Agarwal et al. 2021)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl.comparison.comparison import Comparison
from jaxdl.comparison.words import outcome
from jaxdl.stats import Interval, Scale
from jaxdl.workloads import Workload

MOST_SEEDS = 1000
"""More than anybody runs."""


def improvement(found: Comparison, baseline: str) -> Interval:
    """The probability that a run of the candidate is better, a mean over the workloads."""
    ours, theirs = (
        _seeds(found, found.study.workloads, name) for name in (found.candidate, baseline)
    )
    return stats.probability_of_improvement(
        *(np.nan_to_num(x, nan=-np.inf, neginf=-np.inf) for x in (ours, theirs))
    )


def mean_gain(found: Comparison, baseline: str, scale: Scale) -> Interval | None:
    """Interquartile mean of the paired gains of all seeds on the workloads of that scale.

    Differences of shares, or the ratio of positive quantities, above 1 where the candidate is
    better. Stratified over the workloads. None where no workload is of that scale, nan bounds and a
    reason where a seed diverged.
    """
    chosen = of_scale(found, scale)
    if not chosen:
        return None
    gains = _seeds(found, chosen, found.candidate) - _seeds(found, chosen, baseline)
    lost = int((~np.isfinite(gains)).sum())
    if lost:
        nan = float("nan")
        return Interval(
            nan, nan, nan, gains.size, f"{lost} of {gains.size} pairs diverged or raised"
        )
    gain = stats.bootstrap_interval(gains)
    if scale != "positive":
        return gain
    with np.errstate(over="ignore"):
        low, mean, high = np.exp([gain.low, gain.mean, gain.high])
    return gain._replace(mean=float(mean), low=float(low), high=float(high))


def speed_up(found: Comparison, baseline: str, times: pd.DataFrame) -> Interval:
    """Geometric mean over the workloads with a target of how many times sooner it is reached."""
    ours, theirs = (times[name].to_numpy(float) for name in (found.candidate, baseline))
    return stats.speedup_interval(ours, theirs)


def outcomes(found: Comparison, baseline: str) -> dict[str, int]:
    """How many workloads the candidate `wins`, `ties` and `loses`."""
    said = [found.outcome(each, baseline) for each in found.study.workloads]
    return {name: said.count(name) for name in ("wins", "ties", "loses")}


def victories(found: Comparison) -> pd.DataFrame:
    """`[workloads, optimizers]`: how often a run beats one of another, a mean over the others.

    Shares 0 … 1; ties count half, and a run that diverged is worse than any that did not.
    """
    names = list(found.study.entrants)
    rows = {}
    for workload in found.study.workloads:
        scores = found.scores(workload)[names].fillna(-np.inf).to_numpy().T
        first, second = scores[:, None, :, None], scores[None, :, None, :]
        beaten = ((first > second) + 0.5 * (first == second)).mean(axis=(2, 3))
        rows[workload.name] = (beaten.sum(axis=1) - 0.5) / (len(names) - 1)
    return pd.DataFrame(rows, names).T


def seeds_to_tell(found: Comparison, workload: Workload, baseline: str) -> str:
    """How many fresh seeds a tie would need, were its gain the one seen; empty for what is told."""
    scores = found.scores(workload)
    difference = (scores[found.candidate] - scores[baseline]).to_numpy(float)
    gain, spread = difference.mean(), difference.std(ddof=1) if len(difference) > 1 else np.nan
    interval = found.gain(workload, baseline)
    told = outcome(interval) != "ties" or np.isnan(interval.low)
    if told or not np.isfinite([gain, spread]).all() or not gain or not spread:
        return ""
    if abs(gain) < spread * 2.8 / MOST_SEEDS**0.5:
        return f"> {MOST_SEEDS:,}"
    return f"{stats.seeds_needed(gain, spread):,}"


def of_scale(found: Comparison, scale: Scale) -> list[Workload]:
    """The workloads whose metric is of that scale."""
    return [each for each in found.study.workloads if each.kind.scale == scale]


def _seeds(found: Comparison, workloads: Sequence[Workload], name: str) -> np.ndarray:
    """Scores of a method, `[W, N]`."""
    return np.stack([found.scores(each)[name].to_numpy(float) for each in workloads])
