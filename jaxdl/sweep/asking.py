"""Points that a sampler of Optuna asks for, a chunk at a time, in a study that survives a kill
(Akiba et al. 2019, https://arxiv.org/abs/1907.10902; the extra `search`)."""

import contextlib
import importlib.util
import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxdl import checkpoint, stats
from jaxdl.stats.kinds import Mode
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.results import Results
from jaxdl.sweep.space import (
    Choice,
    Distribution,
    LogUniform,
    Point,
    Trial,
    trials,
)

if TYPE_CHECKING:
    import optuna

STUDIES = "optuna.log"
"""Optuna's journal of all studies of a workdir, a study for each program."""
NEEDS = {"CmaEsSampler": "cmaes", "GPSampler": "torch"}
"""Packages that a sampler needs and Optuna does not bring."""


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
    sampler: str = "TPESampler",
    seed: int = 0,
) -> Plan:
    """The plan with further points, of which each program's sampler asks when it knows the others.

    The trials of the plan are the first; theirs are the seeds of all points, and what no goal
    searches. A point of which a seed has no finite number counts as infinitely bad. The studies
    lie in the workdir: after a kill the same plan goes on with the trials that were asked for, and
    asks for what it would have asked for.

    Args:
        plan: at least one point of each program, inside the space.
        goals: what is searched, for each program.
        points: of each program in all, those of the plan included.
        chunk: how many are asked for at a time. They are trained side by side, and know nothing of
            each other but (TPE) that they are under way.
        sampler: a class of `optuna.samplers` that takes a seed.
        seed: of the sampler. What it draws depends on it and on how many points there are.

    Raises:
        ValueError: without Optuna, for what is no sampler, and for points outside their space.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ValueError("the package optuna is not installed: pip install 'jaxdl[search]'")
    if points < 1 or chunk < 1:
        raise ValueError(f"points and chunk must be >= 1, not {points} and {chunk}")
    _sampler(sampler, seed, 0)
    first = [_cast(goals[trial.program], trial) for trial in plan.trials]
    asking = Asking(goals, first, points, chunk, sampler, seed)
    for name, goal in goals.items():
        mine = asking.first_points(name)
        if not mine:
            raise ValueError(f"{name}: the plan has no point of it, with which its study begins")
        for point in mine:
            _finished(name, goal, point, 0.0)
    return plan._replace(trials=first, ask=asking.so_far)


class Asking(NamedTuple):
    """The `ask` of a plan; see `asked`. first: the trials of the plan."""

    goals: Mapping[str, Goal]
    first: Sequence[Trial]
    points: int
    chunk: int
    sampler: str
    seed: int

    def so_far(self, workdir: Path, found: Results) -> list[Trial]:
        """All trials so far: tells the studies what was found, and asks for a chunk of points."""
        with checkpoint.lock(workdir, ".optuna.lock"), _quiet():
            storage = _storage(workdir / STUDIES)
            parts = [self._of(name, storage, found.rows) for name in self.goals]
        return [trial for part in parts for trial in part]

    def first_points(self, program: str) -> list[Point]:
        """The points that the plan has of a program."""
        return _distinct(trial.hparams for trial in self.first if trial.program == program)

    def _of(self, program: str, storage: Any, rows: Sequence[Mapping[str, Any]]) -> list[Trial]:
        import optuna

        study = optuna.create_study(
            storage=storage,
            study_name=program,
            direction="maximize" if self.goals[program].direction == "max" else "minimize",
            load_if_exists=True,
        )
        names = list(self.first_points(program)[0])
        mine = {
            (_narrow({name: row[name] for name in names}), row["seed"]): row
            for row in rows
            if row["program"] == program
        }
        self._tell(study, program, mine)
        failed = any(row["status"] == "error" for row in mine.values())
        # Where all that was asked for had been tried before, there is more to ask for.
        while not failed and self._ask(study, program):
            self._tell(study, program, mine)
        points = [
            {**self.first_points(program)[0], **each.params}
            for each in study.get_trials(deepcopy=False)
            if each.state.name in ("COMPLETE", "RUNNING")
        ]
        return trials([program], _distinct([*self.first_points(program), *points]), self._seeds())

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
            drawn = sum(each.state.name != "FAIL" for each in study.get_trials(deepcopy=False))
            study.sampler = _sampler(self.sampler, self.seed, drawn)
            study.ask(_distributions(self.goals[program].space))
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
                study.add_trial(_finished(program, goal, point, value))
        for each in told:
            if each.state.name != "RUNNING":
                continue
            if set(each.params) != set(goal.space):  # the process died while it asked
                study.tell(each.number, state=_state("FAIL"))
                continue
            point = {**self.first_points(program)[0], **each.params}
            value = self._value(program, point, rows)
            if value is not None:
                study.tell(each.number, value)

    def _value(self, program: str, point: Point, rows: _Rows) -> float | None:
        """The mean over the seeds; infinitely bad where one has none, None before all are there."""
        goal = self.goals[program]
        asked = [(_narrow(point), seed) for seed in self._seeds()]
        mine = [rows[each] for each in asked if each in rows]
        if len(mine) < len(asked) or any(row["status"] == "error" for row in mine):
            return None
        # A row has null for what is not finite.
        values = [row[goal.metric] if row["status"] == "ok" else None for row in mine]
        mean = float(np.mean([np.nan if value is None else value for value in values]))
        if np.isfinite(mean):
            return mean
        return -np.inf if goal.direction == "max" else np.inf


def _sampler(name: str, seed: int, count: int) -> "optuna.samplers.BaseSampler":
    """The sampler that asks when there are `count` trials that count."""
    import optuna

    known = {each: getattr(optuna.samplers, each) for each in optuna.samplers.__all__}
    del known["BaseSampler"]
    if not name.endswith("Sampler") or name not in known:
        samplers = ", ".join(each for each in known if each.endswith("Sampler"))
        raise ValueError(f"sampler: optuna.samplers has no {name!r}, it has {samplers}")
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        raise ValueError(f"sampler: {name} needs the package {NEEDS[name]}")
    drawn = int(np.random.SeedSequence([seed, count]).generate_state(1)[0])
    try:
        return known[name](seed=drawn)
    except TypeError as error:
        raise ValueError(f"sampler: {name} cannot be made of a seed alone: {error}") from error


def _distributions(space: Mapping[str, Distribution]) -> dict[str, Any]:
    from optuna import distributions

    def of(values: Distribution) -> distributions.BaseDistribution:
        if isinstance(values, Choice):
            return distributions.CategoricalDistribution(list(values.values))
        log = isinstance(values, LogUniform)
        return distributions.FloatDistribution(values.low, values.high, log=log)

    return {name: of(values) for name, values in space.items()}


def _finished(program: str, goal: Goal, point: Point, value: float) -> "optuna.trial.FrozenTrial":
    import optuna

    try:
        return optuna.trial.create_trial(
            value=value,
            params=_searched(goal, point),
            distributions=_distributions(goal.space),
        )
    except ValueError as error:
        raise ValueError(f"{program}: the first point {point}: {error}") from error


def _searched(goal: Goal, point: Point) -> Point:
    return {name: point[name] for name in goal.space if name in point}


def _state(name: str) -> Any:
    import optuna

    return optuna.trial.TrialState[name]


def _cast(goal: Goal, trial: Trial) -> Trial:
    """With the numbers of continuous spaces as what a sampler gives, floats."""
    continuous = [name for name, values in goal.space.items() if not isinstance(values, Choice)]
    floats = {name: float(trial.hparams[name]) for name in continuous if name in trial.hparams}
    return trial._replace(hparams={**trial.hparams, **floats})


def _distinct(points: Iterable[Point]) -> list[Point]:
    """Without those that are there already."""
    found: dict[Hashable, Point] = {}
    for point in points:
        found.setdefault(_narrow(point), point)
    return list(found.values())


def _narrow(point: Point) -> Hashable:
    """A point as it reaches its program."""
    return tuple(
        (name, float(np.float32(value)) if isinstance(value, float) else value)
        for name, value in sorted(point.items())
    )


def _storage(path: Path) -> "optuna.storages.BaseStorage":
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    # A process that was killed may leave half a line, and its lock, on which Optuna waits 30 s.
    if path.exists():
        text = path.read_bytes()
        os.truncate(path, text.rfind(b"\n") + 1)
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's line for each study."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
