"""Points that a sampler of Optuna asks for, a chunk at a time, in a study that survives a kill
(Akiba et al. 2019, https://arxiv.org/abs/1907.10902; the extra `search`)."""

import importlib.util
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxdl import stats
from jaxdl._kinds import Mode
from jaxdl.sweep import studies
from jaxdl.sweep.distributions import Choice, Distribution, Integer, Value
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.results import Results
from jaxdl.sweep.space import Point, Trial, checked, trials

if TYPE_CHECKING:
    import optuna

_Rows = Mapping[tuple[Hashable, int], Mapping[str, Any]]
"""A program's rows, by point and seed."""


class Goal(NamedTuple):
    """What is searched for a program: the point of a space with the best mean over the seeds.

    metric: its name in the rows, of the validation split: `validation_loss`, say.
    mode: of a metric that `stats.kind` does not know.
    """

    space: Mapping[str, Distribution]
    metric: str
    mode: Mode | None = None

    @property
    def direction(self) -> Mode:
        """Whether high or low is better."""
        return stats.direction(self.metric, self.mode)


def asked(
    plan: Plan,
    goals: Mapping[str, Goal],
    *,
    points: int,
    chunk: int = 16,
    sampler: studies.Sampler = "TPESampler",
    seed: int = 0,
) -> Plan:
    """The plan with further points, of which each program's sampler asks when it knows the others.

    The trials of the plan are the first; theirs are the seeds of all points, and what no goal
    searches. A point of which a seed has no finite number counts as infinitely bad. The studies
    lie in the workdir: after a kill the same plan goes on with the trials that were asked for, and
    asks for what it would have asked for. With another space, metric, sampler or other seeds a
    study begins anew; trials that it asks for again are not run again.

    Args:
        plan: at least one point of each program, inside the space.
        goals: what is searched, for each program.
        points: of each program in all, those of the plan included.
        chunk: how many are asked for at a time. They are trained side by side, and know nothing of
            each other but (TPE) that they are under way.
        sampler: a class of `optuna.samplers` that takes a seed, or its name; or what makes one of a
            `seed=`, such as `functools.partial(TPESampler, n_startup_trials=5)`.
        seed: of the sampler. What it draws depends on it and on how many points there are.

    Raises:
        ValueError: without Optuna, for what is no sampler, for points outside their space or that
            differ in what is not searched, and for a program without a goal.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ValueError("the package optuna is not installed: pip install optuna")
    if points < 1 or chunk < 1:
        raise ValueError(f"points and chunk must be >= 1, not {points} and {chunk}")
    studies.sampler(sampler, seed, 0)
    aimless = {trial.program for trial in plan.trials} - set(goals)
    if aimless:
        raise ValueError(f"goals: there is none of {', '.join(sorted(aimless))}")
    first = [_cast(goals[trial.program], trial) for trial in plan.trials]
    asking = Asking(goals, first, points, chunk, sampler, seed)
    for name, goal in goals.items():
        _check(name, goal, asking.first_points(name))
    return plan._replace(trials=first, ask=asking.so_far)


class Asking(NamedTuple):
    """The `ask` of a plan; see `asked`. first: the trials of the plan."""

    goals: Mapping[str, Goal]
    first: Sequence[Trial]
    points: int
    chunk: int
    sampler: studies.Sampler
    seed: int

    def so_far(self, workdir: Path, found: Results) -> list[Trial]:
        """All trials so far: tells the studies what was found, and asks for a chunk of points."""
        with studies.journal(workdir) as storage:
            parts = [self._of(name, storage, found.rows) for name in self.goals]
        return [trial for part in parts for trial in part]

    def first_points(self, program: str) -> list[Point]:
        """The points that the plan has of a program."""
        return distinct(trial.hparams for trial in self.first if trial.program == program)

    def _of(self, program: str, storage: Any, rows: Sequence[Mapping[str, Any]]) -> list[Trial]:
        names = list(self.first_points(program)[0])
        mine = {
            (_narrow({name: row[name] for name in names}), row["seed"]): row
            for row in rows
            if row["program"] == program
        }
        study = self._study(program, storage, mine)
        self._tell(study, program, mine)
        failed = any(row["status"] == "error" for row in mine.values())
        # Where all that was asked for had been tried before, there is more to ask for.
        while not failed and self._ask(study, program):
            self._tell(study, program, mine)
        points = [
            {**self.first_points(program)[0], **each.params}
            for each in study.get_trials(deepcopy=False)
            if each.state.name in ("COMPLETE", "RUNNING")
        ][: self.points]  # an earlier search may have asked for more
        every = distinct(in_float32([*self.first_points(program), *points]))
        return trials([program], every, self._seeds())

    def _study(self, program: str, storage: Any, rows: _Rows) -> "optuna.Study":
        """The study of a program; anew where it was told of what is not so any more."""
        goal, first = self.goals[program], self.first_points(program)[0]
        fixed = {name: value for name, value in sorted(first.items()) if name not in goal.space}
        space = sorted(studies.distributions(goal.space).items())
        made_by = studies.described(self.sampler)
        asked = (space, goal.metric, goal.direction, fixed, self._seeds(), made_by, self.seed)
        study = studies.opened(storage, program, goal.direction, repr(asked))
        for each in study.get_trials(deepcopy=False):
            value = self._value(program, {**first, **each.params}, rows)
            if each.state.name == "COMPLETE" and value not in (None, each.value):
                return studies.opened(storage, program, goal.direction, repr(asked), anew=True)
        return study

    def _ask(self, study: "optuna.Study", program: str) -> int:
        """Asks for the rest of a round, which ends where it would have, had nothing been killed."""
        states = [each.state.name for each in study.get_trials(deepcopy=False)]
        told, waiting = states.count("COMPLETE"), states.count("RUNNING")
        first = len(self.first_points(program))
        end = min(self.points, first + self.chunk * ((told - first) // self.chunk + 1))
        count = max(0, end - told - waiting)
        for _ in range(count):
            # Of the same seed a sampler that is made anew would draw what it has drawn before. One
            # that a kill cut short is none.
            number = sum(each.state.name != "FAIL" for each in study.get_trials(deepcopy=False))
            study.sampler = studies.sampler(self.sampler, self.seed, number)
            study.ask(studies.distributions(self.goals[program].space))
        return count

    def _seeds(self) -> list[int]:
        return list(dict.fromkeys(trial.seed for trial in self.first))

    def _tell(self, study: "optuna.Study", program: str, rows: _Rows) -> None:
        """Tells of every point that has all its rows; those that were half made are forgotten."""
        goal, told = self.goals[program], study.get_trials(deepcopy=False)
        for point in self.first_points(program):
            value = self._value(program, point, rows)
            known = [each.params for each in told if each.state.name == "COMPLETE"]
            if value is not None and _searched(goal, point) not in known:
                study.add_trial(studies.finished(goal.space, _searched(goal, point), value))
        for each in told:
            if each.state.name != "RUNNING":
                continue
            if set(each.params) != set(goal.space):  # the process died while it asked
                studies.tell(study, each.number, None)
                continue
            point = {**self.first_points(program)[0], **each.params}
            value = self._value(program, point, rows)
            if value is not None:
                studies.tell(study, each.number, value)

    def _value(self, program: str, point: Point, rows: _Rows) -> float | None:
        """The mean over the seeds; infinitely bad where one has none, None before all are there."""
        goal = self.goals[program]
        asked = [(_narrow(point), seed) for seed in self._seeds()]
        mine = [rows[each] for each in asked if each in rows]
        if len(mine) < len(asked) or any(row["status"] == "error" for row in mine):
            return None
        if goal.metric not in mine[0]:
            raise ValueError(
                f"{program} is searched by {goal.metric!r}, which its rows do not have: they have "
                f"{', '.join(mine[0])}"
            )
        # A row has null for what is not finite.
        values = [row[goal.metric] if row["status"] == "ok" else None for row in mine]
        mean = float(np.mean([np.nan if value is None else value for value in values]))
        if np.isfinite(mean):
            return mean
        return -np.inf if goal.direction == "max" else np.inf


def _check(program: str, goal: Goal, points: Sequence[Point]) -> None:
    """Raises ValueError for what cannot be searched, and for points that are not of the space."""
    if not points:
        raise ValueError(f"{program}: the plan has no point of it, with which its study begins")
    stats.direction(goal.metric, goal.mode)
    for name, values in goal.space.items():
        for end in () if isinstance(values, Choice) else (values.low, values.high):
            whole = isinstance(values, Integer)
            checked([Trial(program, {name: int(end) if whole else float(end)}, 0)])
    for point in points:
        try:
            studies.finished(goal.space, _searched(goal, point), 0.0)
        except ValueError as error:
            raise ValueError(f"{program}: the first point {point}: {error}") from error
    others = [name for name in points[0] if name not in goal.space]
    apart = [name for name in others if len({point[name] for point in points}) > 1]
    if apart:
        raise ValueError(f"{program}: points differ in {', '.join(apart)}, which is not searched")


def _searched(goal: Goal, point: Point) -> Point:
    return {name: point[name] for name in goal.space if name in point}


def _cast(goal: Goal, trial: Trial) -> Trial:
    """With the numbers of continuous spaces as what a sampler gives, floats."""
    continuous = [
        name for name, values in goal.space.items() if not isinstance(values, Choice | Integer)
    ]
    floats = {name: float(trial.hparams[name]) for name in continuous if name in trial.hparams}
    return trial._replace(hparams={**trial.hparams, **floats})


def distinct(points: Iterable[Point]) -> list[Point]:
    """Without those that are there already."""
    found: dict[Hashable, Point] = {}
    for point in points:
        found.setdefault(_narrow(point), point)
    return list(found.values())


def in_float32(points: Iterable[Point]) -> list[Point]:
    """The points, with one float for those of a hyperparameter that are one in float32."""
    known: dict[Hashable, Value] = {}
    return [
        {
            name: known.setdefault((name, np.float32(value)), value)
            if isinstance(value, float)
            else value
            for name, value in point.items()
        }
        for point in points
    ]


def _narrow(point: Point) -> Hashable:
    """A point as it reaches its program."""
    return tuple(
        (name, float(np.float32(value)) if isinstance(value, float) else value)
        for name, value in sorted(point.items())
    )
