"""Successive halving against the grid whose points it is given: steps, seconds, the same winner.

A search of `jaxdl.comparison` by the protocol `halving` and by `grid`, with the same seeds. What
halving would choose of further seeds is told from the grid's own curves by the same rule, since a
trial has the same bits in both.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from benchmarks import harness
from benchmarks.harness import Row

if TYPE_CHECKING:
    from jaxdl.comparison import Study
    from jaxdl.sweep import Halving
    from jaxdl.workloads import Workload

WORKLOADS, ENTRANTS = ("digits_mlp", "breast_cancer", "ravine"), ("momentum", "adam")
POINTS, SEEDS, DRAWS, REPEATS = 36, 3, 20, 3
AGREEMENT = 0.9


class Draw(NamedTuple):
    """Of one workload, optimizer and set of seeds: steps of halving and grid, the same winner?"""

    halving: int
    grid: int
    same: bool
    lost: float


def study(protocol: str, quick: bool, draws: int = 1) -> "Study":
    """A search of so many sets of seeds."""
    from jaxdl import comparison, workloads

    names = WORKLOADS[:1] if quick else WORKLOADS
    return comparison.Study(
        {name: comparison.ENTRANTS[name] for name in ENTRANTS},
        [workloads.named(name) for name in names],
        protocol,
        8 if quick else POINTS,
        SEEDS * draws,
    )


def seconds(protocol: str, quick: bool) -> tuple[float, float]:
    """Of a search with everything that belongs to it, and without compilation."""
    from jaxdl import sweep
    from jaxdl.sweep import programs

    plan, progress = study(protocol, quick).plan(), sweep.Progress()
    programs.forget()  # each compiles, as a first launch does
    with tempfile.TemporaryDirectory() as workdir:
        total = harness.seconds(lambda: plan.execute(Path(workdir), progress=progress))
    return total, total - progress.compiling


def drawn(quick: bool) -> Iterator[Draw]:
    """What halving chooses, and the grid, of one set of seeds after another."""
    draws = 3 if quick else DRAWS
    grid, rungs = study("grid", quick, draws), study("halving", quick).plan().prune
    assert rungs is not None
    with tempfile.TemporaryDirectory() as workdir:
        results = grid.plan().execute(Path(workdir))
        frame, curves = results.frame(), results.curves()
    for workload in grid.workloads:
        metric = f"validation_{workload.metric}"
        for name in grid.entrants:
            for first in range(0, SEEDS * draws, SEEDS):
                mine = frame["workload"].eq(workload.name) & frame["optimizer"].eq(name)
                mine &= frame["seed"].between(first, first + SEEDS - 1)
                measured = curves[metric][mine.to_numpy()]
                yield draw(frame[mine], measured, metric, workload, rungs)


def draw(
    trials: pd.DataFrame, measured: np.ndarray, metric: str, workload: "Workload", rungs: "Halving"
) -> Draw:
    """measured: [trials, segments], the metric of `trials`, a grid of one optimizer.

    Points are the same where they are equally good; so are all that are nearer to a known optimum
    than the target, where the rest is rounding.
    """
    from jaxdl import stats
    from jaxdl.comparison.words import least
    from jaxdl.stats.intervals import TIE

    mode = workload.kind.mode
    if workload.kind.scale == "positive":
        trials = trials.assign(**{metric: trials[metric].astype(float).clip(lower=least(workload))})
    trials = trials.reset_index(drop=True)
    point = trials.groupby("learning_rate").ngroup()
    left, steps = trials.index, 0
    segments, length = measured.shape[1], trials["steps"].max() // measured.shape[1]
    ends = [*rungs.rungs, segments]
    for begin, end in zip([0, *rungs.rungs], ends, strict=True):
        done = trials.loc[left, "steps"].clip(begin * length, end * length) - begin * length
        steps += int(done.sum())
        if end < segments:
            now = trials.loc[left].set_index(point[left])
            now = now.assign(**{metric: measured[left, end - 1]})
            now["status"] = np.where(np.isfinite(now[metric]), "ok", "diverged")
            left = left[~rungs.rule(end, now)]
    best = stats.select(trials, "optimizer", "learning_rate", metric, mode).iloc[0]
    kept = trials["learning_rate"].isin(trials.loc[left, "learning_rate"])
    found = stats.select(trials[kept], "optimizer", "learning_rate", metric, mode).iloc[0]
    lost = abs(found[metric] - best[metric])
    return Draw(steps, int(trials["steps"].sum()), bool(lost <= TIE), lost)


def measure(quick: bool) -> Iterator[Row]:
    """Steps and agreement over sets of seeds; seconds of one, alternating."""
    found = pd.DataFrame(drawn(quick))
    sets = f"{len(found)} draws of {SEEDS} seeds"
    halving, grid = int(found["halving"].sum()), int(found["grid"].sum())
    yield Row("steps", halving, grid, "grid", "steps", grid / halving, 2.5, f"{sets}, all together")
    same = float(found["same"].mean())
    yield Row(
        "the same point is chosen, or an equal one",
        same,
        AGREEMENT,
        "share of draws that was asked for",
        "of the draws",
        same / AGREEMENT,
        1.0,
        f"{sets}; the metric is {found['lost'].mean():.2g} off in the mean",
    )
    taken: dict[str, list[tuple[float, float]]] = {"halving": [], "grid": []}
    for _ in range(1 if quick else REPEATS):
        for protocol, values in taken.items():
            values.append(seconds(protocol, quick))
    for case, place, target in (("seconds, compilation apart", 1, 2.0), ("seconds", 0, None)):
        ours, theirs = (
            harness.timing([each[place] for each in taken[protocol]]) for protocol in taken
        )
        yield harness.timed(case, ours, theirs, "grid", "s", target)


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
