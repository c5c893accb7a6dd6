"""What an interval of a gain says: who is better, and by how much in words."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from jaxdl import stats
from jaxdl.workloads import Workload

OF_OPTIMA = ("distance", "excess")
"""Metrics that are 0 at the optimum."""
Outcome = Literal["wins", "ties", "loses"]


def floor(workload: Workload) -> float | None:
    """The target of a workload whose optimum is known: what is nearer to it is rounding."""
    return workload.target if workload.metric in OF_OPTIMA else None


def least(workload: Workload) -> float:
    """Below which positive scores are not told apart."""
    return floor(workload) or float(np.finfo(np.float32).tiny)


def steps_of(budgets: Iterable[int]) -> str:
    """Budgets of one training or more, in steps: `500 steps`, `500 … 2,000 steps`."""
    known = sorted(set(budgets))
    return " … ".join(f"{steps:,}" for steps in dict.fromkeys((known[0], known[-1]))) + " steps"


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
    if np.isnan(found.mean):
        return f"{workload.metric}: {found.method}"
    better = found.mean > 0
    how = "smaller" if better == (workload.kind.mode == "min") else "larger"
    sign = 1 if better else -1
    with np.errstate(over="ignore"):
        low, high = np.exp(np.sort(sign * np.array([found.low, found.high])))
        told = [f"{each:.3g}" for each in (np.exp(abs(found.mean)), low, high)]
    if set(told) <= {"1", "nan"}:
        return f"{workload.metric} equal to three digits"
    bounds = f": {found.method}" if np.isnan(found.low) else f", {told[1]} … {told[2]}"
    return f"{workload.metric} {told[0]} times {how}{bounds}"
