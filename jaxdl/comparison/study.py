"""Optimizers on workloads: searched on validation, chosen, and run again by fresh seeds."""

import functools
import itertools
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import optax
import pandas as pd

from jaxdl import stats, sweep
from jaxdl._errors import in_one_line
from jaxdl.comparison.entrants import Entrant
from jaxdl.comparison.words import floor
from jaxdl.optimizers.schedules import Shape, scaled
from jaxdl.sweep.distributions import LogUniform
from jaxdl.sweep.found import OF_CHOICES
from jaxdl.sweep.searching import SHARE
from jaxdl.sweep.space import Point, Trial
from jaxdl.types import PyTree
from jaxdl.workloads import Workload

SEGMENTS = 20
"""Evaluations of a trial, at equal distances; a budget is rounded down to a multiple."""
SEARCH_SEED = 0
"""Of the quasi-random points: the same for all who are compared."""
BY = ("workload", "optimizer")
TAKEN = OF_CHOICES | {"arrived", "validation", "value", "mean", "count"}
"""Columns of what is found, beside those of every row: no hyperparameter has such a name."""
POINTS, SEEDS, FRESH_SEEDS = 36, 3, 10
"""Of each optimizer on each workload, and the seeds of search and judgement."""


def grid(one: Entrant, count: int) -> list[Point]:
    """`count` rates of equal ratio over the searched range, all else at its default."""
    rates = one.space["learning_rate"]
    if not isinstance(rates, LogUniform):
        raise ValueError(f"a grid needs a LogUniform space of the learning rate, not {rates!r}")
    if count < 2:
        raise ValueError(f"points: a grid has two ends, so 2 or more are needed, not {count}")
    tried = sweep.log_spaced(rates.low, rates.high, count)
    return [{**one.defaults, "learning_rate": rate} for rate in tried]


def halton(one: Entrant, count: int) -> list[Point]:
    """`count` quasi-random points of the whole space, what is not in it at its default."""
    return [{**one.defaults, **point} for point in sweep.halton(count, SEARCH_SEED, **one.space)]


def defaults(one: Entrant, count: int) -> list[Point]:
    """The one point that takes no tuning, whatever the count."""
    del count
    return [dict(one.defaults)]


def middle(one: Entrant, count: int) -> list[Point]:
    """The one point at its defaults, else in the middle, from which a search goes out."""
    del count
    return [one.point()]


PROTOCOLS: dict[str, Callable[[Entrant, int], list[Point]]] = {
    "grid": grid,
    "halton": halton,
    "defaults": defaults,
    "halving": grid,
    "optuna": middle,
}
"""What is tried of an optimizer: `(entrant, how many points) -> points`. Of the points of `halving`
most stop early; those of `optuna` are the first, and its sampler asks for the others."""


def _stops(
    goals: Mapping[str, tuple[str, stats.Mode]], segments: int, frame: pd.DataFrame
) -> np.ndarray:
    """The rule of `sweep.Best`, by metric and mode of the workload that a rung is of."""
    metric, mode = goals[frame["workload"].iloc[0]]
    return sweep.Best(metric, SHARE, mode)(segments, frame)


def _check_made(one: Entrant, point: Mapping[str, object], otherwise: str) -> None:
    """Raises ValueError, which begins with `otherwise`, for what cannot be made of the point."""
    try:
        one.make(**point)
    except Exception as error:
        said = in_one_line(error)
        raise ValueError(f"{otherwise}: {said}") from error


def program_of(workload: str, optimizer: str) -> str:
    """The name of a program."""
    return f"{workload}: {optimizer}"


def _metric(workload: Workload) -> str:
    """By which points are chosen."""
    return f"validation_{workload.metric}"


class Study(NamedTuple):
    """Who is compared, on what, and how it is searched.

    points: of the protocol, for each optimizer. seeds: of the search; fresh_seeds: others, that run
    the chosen points again. shape: of a schedule, `steps -> shape`; None: constant rates. sampler:
    of `optuna`, see `sweep.asked`.
    """

    entrants: Mapping[str, Entrant]
    workloads: Sequence[Workload]
    protocol: str = "grid"
    points: int = POINTS
    seeds: int = SEEDS
    fresh_seeds: int = FRESH_SEEDS
    shape: Callable[[int], Shape] | None = None
    sampler: str = "TPESampler"

    def check(self) -> None:
        """Raises ValueError, in one line, for what cannot be searched or compared."""
        for what in ("points", "seeds", "fresh_seeds"):
            if not isinstance(count := getattr(self, what), numbers.Integral) or count < 1:
                raise ValueError(f"{what}: a whole number from 1 on is needed, not {count!r}")
        names = [workload.name for workload in self.workloads]
        if not names:
            raise ValueError("workloads: there is none")
        if len(set(names)) < len(names):
            raise ValueError(f"workloads: one is there twice, {', '.join(names)}")
        for workload in self.workloads:
            stats.direction(workload.metric)  # which must be known
            if workload.steps < SEGMENTS:
                raise ValueError(
                    f"{workload.name} has {workload.steps} steps: {SEGMENTS} or more are needed, "
                    "for so many evaluations"
                )
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"protocol: {self.protocol!r} is none of {', '.join(PROTOCOLS)}")
        if self.fresh_seeds < stats.FEWEST:
            raise ValueError(
                f"fresh_seeds: {self.fresh_seeds} are too few, an interval needs {stats.FEWEST}"
            )
        for name, one in self.entrants.items():
            where = "defaults" if self.protocol == "defaults" else "space"
            if "learning_rate" not in getattr(one, where):
                raise ValueError(f"{name}: there is no learning_rate in its {where}")
            if taken := sorted(TAKEN & {*one.point()}):
                raise ValueError(
                    f"{name}: the hyperparameter {', '.join(taken)} needs another name, tables "
                    "have a column that is called so"
                )
            point, *_ = PROTOCOLS[self.protocol](one, self.points)
            lacks = (
                f"{name}: {self.protocol} tries {point}, so give it `defaults` of all the others"
            )
            _check_made(one, point, lacks)
            if shape := one.shape or self.shape:
                rate = {"learning_rate": scaled(1.0, shape(SEGMENTS))}
                fixed = f"{name} takes no schedule for its learning_rate"
                _check_made(one, {**one.point(), **rate}, fixed)
            if one.kernel_init is not None or one.loss is not None:
                for workload in self.workloads:
                    workload.made(one.kernel_init, one.loss)

    def plan(self) -> sweep.Plan:
        """The search: a program for each optimizer on each workload.

        Raises ValueError, in one line, for what cannot be searched or compared.
        """
        self.check()
        tried = PROTOCOLS[self.protocol]
        programs, labels = {}, {}
        for workload, (name, one) in itertools.product(self.workloads, self.entrants.items()):
            program = program_of(workload.name, name)
            programs[program] = self.run(workload, one), tried(one, self.points)
            labels[program] = dict(zip(BY, (workload.name, name), strict=True))
        plan = sweep.plan(
            programs,
            {workload.name: workload.data() for workload in self.workloads},
            seeds=self.seeds,
            labels=labels,
            segments=SEGMENTS,
            follow=len(programs) * self.fresh_seeds,
        )
        if self.protocol == "halving":
            modes = {each.name: (_metric(each), each.kind.mode) for each in self.workloads}
            return sweep.halved(plan, functools.partial(_stops, modes))
        if self.protocol == "optuna":
            return self._asked(plan)
        return plan

    def _asked(self, plan: sweep.Plan) -> sweep.Plan:
        goals = {
            program_of(workload.name, name): sweep.Goal(
                one.space, _metric(workload), workload.kind.mode
            )
            for workload in self.workloads
            for name, one in self.entrants.items()
        }
        more = len(goals) * (self.points - 1) * self.seeds
        return sweep.asked(
            plan._replace(follow=plan.follow + more),
            goals,
            points=self.points,
            sampler=self.sampler,
            seed=SEARCH_SEED,
        )

    def confirm(self, plan: sweep.Plan, results: sweep.Results) -> sweep.Plan:
        """The chosen points on fresh seeds, of programs that do not raise."""
        fresh = range(self.seeds, self.seeds + self.fresh_seeds)
        trials: list[Trial] = []
        raised = {each["program"] for each in results.rows if each["status"] == "error"}
        for row in self.choose(results).to_dict("records"):
            program = program_of(row["workload"], row["optimizer"])
            if program in raised:
                continue
            names = self.entrants[row["optimizer"]].point()
            # As it was tried: in a column that others lack, whole numbers have become floats.
            tried = [
                {name: each[name] for name in names if name in each}
                for each in results.rows
                if each["program"] == program
            ]
            point = next(point for point in tried if point.items() <= row.items())
            trials += sweep.trials([program], [point], fresh)
        return plan._replace(trials=trials, ask=None)

    def choose(self, results: sweep.Results) -> pd.DataFrame:
        """Of each workload and optimizer the point that is best on validation, as `stats.select`.

        The column `validation` has what it is chosen by, the metric at the end. Where the optimum
        is known all that is nearer to it than the target is equal, and the sooner is the better:
        there it is the target times the part of the budget after which it was reached.
        """
        frame, curves = results.frame(), results.curves()
        known = dict.fromkeys(name for one in self.entrants.values() for name in one.point())
        over = [name for name in known if name in frame]
        parts = []
        for workload in self.workloads:
            there, metric = frame["workload"].eq(workload.name).to_numpy(), _metric(workload)
            mine = frame[there].reset_index(drop=True)
            if (target := floor(workload)) is not None:
                share = self.steps_to_target(workload, curves[metric][there]) / self.budget(
                    workload
                )
                mine[metric] = mine[metric].where(~(mine[metric] <= target), target * share)
            chosen = stats.select(mine, BY, over, metric, workload.kind.mode)
            parts.append(chosen.rename(columns={metric: "validation"}))
        return pd.concat(parts, ignore_index=True)

    def budget(self, workload: Workload) -> int:
        """The steps of a trial on a workload."""
        return workload.steps // SEGMENTS * SEGMENTS

    def steps_to_target(self, workload: Workload, curves: np.ndarray) -> np.ndarray:
        """Steps until curves on validation `[N, segments]` are at the target; inf: they never are.

        ValueError for a workload without a target.
        """
        if workload.target is None:
            raise ValueError(f"{workload.name} has no target")
        ends = (np.arange(SEGMENTS) + 1) * (workload.steps // SEGMENTS)
        return stats.time_to_target(ends, curves, workload.target, workload.kind)

    def run(self, workload: Workload, one: Entrant, segments: int | None = SEGMENTS) -> sweep.Run:
        """Training of one on a workload; segments: None: one for each step of the budget."""
        budget = workload._replace(steps=self.budget(workload))
        shaped = one.shape or self.shape
        shape = None if shaped is None else shaped(budget.steps)
        init = one.kernel_init

        def optimizer(hparams: PyTree) -> optax.GradientTransformation:
            if shape is None:
                return one.make(**hparams)
            return one.make(**{**hparams, "learning_rate": scaled(hparams["learning_rate"], shape)})

        run = sweep.of_workload(
            budget,
            optimizer,
            segments=segments or budget.steps,
            kernel_init=None if init is None else lambda hparams: init,
            loss=one.loss,
            eval_params=one.eval_params,
        )
        return sweep.on_part(workload.name, run)
