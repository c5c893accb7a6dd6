"""Many hyperparameters searched at once: which points are tried, and of which the rest is spared.

Random points and Halton's (Bergstra & Bengio 2012, https://jmlr.org/papers/v13/bergstra12a.html;
Bousquet et al. 2017, https://arxiv.org/abs/1706.03200), successive halving of these (`rungs`), and
whatever a sampler of Optuna asks for (`asking`).
"""

import inspect
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl._kinds import Mode
from jaxdl.data.errors import warn
from jaxdl.stats.selection import chosen_on
from jaxdl.sweep import _options, distributions, studies
from jaxdl.sweep.asking import Goal, asked, distinct, in_float32
from jaxdl.sweep.chunk import columns
from jaxdl.sweep.compilation import metric_names
from jaxdl.sweep.distributions import Choice, Distribution
from jaxdl.sweep.found import TAKEN, Found
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.results import NoResult
from jaxdl.sweep.run import Data, Run
from jaxdl.sweep.rungs import Best, Halving, PruneRule
from jaxdl.sweep.space import Point, halton, of_one_kind, random, trials

Space: TypeAlias = Mapping[str, Distribution]
"""What is searched, by the name of the hyperparameter."""
METHODS: dict[str, Callable[..., list[Point]]] = {
    "random": random,
    "halton": halton,
    "halving": halton,
    "optuna": lambda count, seed, /, **space: [
        {name: values.from_unit(0.5) for name, values in space.items()}
    ],
}
"""The points that a method begins with: `(how many, seed, **space) -> points`."""
RUNGS, SHARE = (0.1, 0.2), 1 / 2
"""Halving: after a tenth and a fifth of the segments half of the points goes on, which is 35 % of
the steps. Fewer that go on lose the best among equals (`benchmarks/halving.py`)."""
ONE = "run"
"""The name of a program that is given none."""


def search(
    programs: Run | Mapping[str, Run],
    space: Space | Mapping[str, Space],
    data: Data,
    *,
    workdir: str | Path,
    method: Halving | studies.Sampler = "halton",
    points: int = 64,
    seeds: int = 3,
    metric: str = "validation_accuracy",
    mode: Mode | None = None,
    segments: int = 1,
    seed: int = 0,
    chunk: int = 16,
    **options: Any,
) -> Found:
    """The point of each program's space that is best on validation by the mean over seeds.

    Everything lies in the workdir: killed at any moment and called again, it goes on with the same
    points and ends with the same rows; with more `points` it tries those that come next, but by
    halving, which chooses among all of them and needs another workdir.

    Args:
        programs: a run, or several by name, each of which is searched for itself.
        space: of all programs, or of each its own, by name: what one has and another lacks is
            searched for the one alone.
        data: what every run is given.
        workdir: where points, rows and curves are kept.
        method: `random`, `halton` (evenly spread) or `halving`: Halton's points, of which half stop
            after a tenth of the segments and half of the others after a fifth; a `Halving` of your
            own; or `optuna`, which is its TPE: a class of `optuna.samplers`, its name, or what
            makes a sampler of a `seed=` is another.
        points: tried of each program, each with all seeds. Equal ones, of a space without a
            continuous hyperparameter, are tried once.
        seeds: of each point; the numbers 0 … `seeds` - 1, which move initialization and data order.
        metric: by which is chosen, of the validation split.
        mode: of a metric that `stats.kind` does not know.
        segments: times that a run is evaluated, as `execute` says; halving needs two or more.
        seed: of the points.
        chunk: how many points a sampler of Optuna is asked for at a time.
        options: of `execute`: `progress`, `lanes`, `rerun_changed` and so on.

    Returns:
        What was found: `.best`, `.frame()`; `report.of_search` makes its page. Where no point has
        a number of every seed, it warns (NoResult), and there is no best.

    Raises:
        ValueError: in one line, before anything is compiled, for a space, a method, a metric or
            another option that is none, and for a metric that the runs do not measure or that is
            one of test.
    """
    own = [name for name in inspect.signature(search).parameters if name != "options"]
    _options.check_names(options, [*own, *_options.NAMES])
    runs = _runs(programs)
    if not isinstance(data, Mapping):
        raise ValueError(f"data: give {{'train': arrays, ...}}, not a {type(data).__name__}")
    if not isinstance(workdir, str | os.PathLike):
        raise ValueError(f"workdir: give a path, not {workdir!r}")
    if not isinstance(metric, str):
        raise ValueError(f"metric: give a name, not {metric!r}")
    goals = {
        name: Goal(_settled(name, each), metric, mode)
        for name, each in _of_each(runs, space).items()
    }
    plan = _planned(
        runs, goals, data, method=method, points=points, seeds=seeds, segments=segments,
        seed=seed, chunk=chunk,
    )  # fmt: skip
    results = plan.run_all(workdir, **options)
    found = Found(goals, plan._replace(workdir=Path(workdir)), results, _in_words(method))
    if all(np.isnan(each.value) for each in found.winners.values()):
        warn(f"{workdir}: {found.nothing()}", NoResult)
    return found


def _planned(
    runs: Mapping[str, Run],
    goals: Mapping[str, Goal],
    data: Data,
    *,
    method: Halving | studies.Sampler,
    points: int,
    seeds: int,
    segments: int,
    seed: int,
    chunk: int,
) -> Plan:
    """The plan of a search, of which nothing has run. Raises ValueError as `search` does."""
    least = {"points": 1, "seeds": 1, "segments": 1, "chunk": 1, "seed": 0}
    for name, count in zip(least, (points, seeds, segments, chunk, seed), strict=True):
        _options.check_count(name, count, least[name])
    begin, sampler = _begin(method)
    tried = {
        name: distinct(in_float32(begin(points, seed, **goal.space)))
        for name, goal in goals.items()
    }
    crossed = [
        trial for name, mine in tried.items() for trial in trials([name], mine, range(seeds))
    ]
    plan = Plan(runs, crossed, data, segments=segments, categories=_categories(goals))
    if sampler is not None:
        plan = asked(plan, goals, points=points, chunk=chunk, sampler=sampler, seed=seed)
    elif isinstance(method, Halving):
        plan = _among(plan, method)
    elif method == "halving":
        (measured, *_) = goals.values()
        plan = halved(plan, Best(measured.metric, SHARE, measured.mode))
    _check_metric(plan, goals)
    return plan


def halved(plan: Plan, rule: PruneRule) -> Plan:
    """The plan by successive halving: a rule stops points twice, early on (`RUNGS`).

    Rows that it has stopped among so many trials never stand beside those of another search.
    Raises ValueError for a plan of a single segment, which has no time to stop.
    """
    if plan.segments < 2:
        raise ValueError("halving needs segments >= 2, after the first of which points stop, not 1")
    rungs = sorted({max(1, round(part * plan.segments)) for part in RUNGS})
    return _among(plan, Halving(rungs, rule))


def _among(plan: Plan, halving: Halving) -> Plan:
    """The plan by a halving that says among how many trials of a program it chooses."""
    counts = Counter(trial.program for trial in plan.trials)
    among, inner = sorted(set(counts.values())), halving.rule

    def rule(segments: int, frame: pd.DataFrame, among: list[int] = among) -> Any:
        return inner(segments, frame)

    return plan._replace(prune=halving._replace(rule=rule))


def _runs(programs: Run | Mapping[str, Run]) -> dict[str, Run]:
    """The runs by name; ValueError for what is none."""
    runs = {ONE: programs} if isinstance(programs, Run) else programs
    if not isinstance(runs, Mapping):
        raise ValueError(f"programs: give a Run, or several by name, not a {type(runs).__name__}")
    for name, run in runs.items():
        if not isinstance(name, str) or not isinstance(run, Run):
            raise ValueError(f"programs: give {{name: Run, ...}}; of {name!r} there is {run!r}")
    return dict(runs)


def _of_each(runs: Mapping[str, Run], space: Space | Mapping[str, Space]) -> dict[str, Space]:
    """The space of each program."""
    if not runs:
        raise ValueError("programs: there is none")
    if not isinstance(space, Mapping):
        raise ValueError(f"space: give {{name: LogUniform(low, high), ...}}, not {space!r}")
    apart = [name for name, each in space.items() if isinstance(each, Mapping)]
    if not apart:
        return dict.fromkeys(runs, cast(Space, space))
    if len(apart) < len(space):
        raise ValueError(
            f"space: {', '.join(apart)} are spaces of programs, the others are hyperparameters"
        )
    if set(space) != set(runs):
        raise ValueError(
            f"space: it is one of {', '.join(space)}, the programs are {', '.join(runs)}"
        )
    return cast(dict[str, Space], dict(space))


def _settled(program: str, space: Space) -> dict[str, Distribution]:
    """The space with the values of each choice of one kind; ValueError for one of no values."""
    if taken := sorted(TAKEN & set(space)):
        raise ValueError(f"space of {program}: {taken[0]} is said of a point, give another name")
    if nameless := [name for name in space if not isinstance(name, str)]:
        raise ValueError(f"space of {program}: hyperparameters have names, not {nameless[0]!r}")
    try:
        distributions.check(space)
    except ValueError as error:
        raise ValueError(f"space of {program}: {error}") from error
    found: dict[str, Distribution] = {}
    for name, values in space.items():
        if isinstance(values, Choice):
            points = of_one_kind([{name: value} for value in values.values])
            values = Choice(tuple(point[name] for point in points))
        found[name] = values
    return found


def _begin(
    method: Halving | studies.Sampler,
) -> tuple[Callable[..., list[Point]], studies.Sampler | None]:
    """The points that a method begins with, and the sampler that asks for the others."""
    if isinstance(method, Halving):
        return METHODS["halving"], None
    if isinstance(method, str) and method in METHODS:
        return METHODS[method], "TPESampler" if method == "optuna" else None
    named = isinstance(method, str) and method.endswith("Sampler")
    if not named and not callable(method) and not hasattr(method, "sample_relative"):
        raise ValueError(
            f"method: {method!r} is none of {', '.join(METHODS)}; a sweep.Halving or a sampler of "
            "optuna.samplers is one too"
        )
    return METHODS["optuna"], method


def _categories(goals: Mapping[str, Goal]) -> dict[str, Sequence[str]]:
    """The names among which is chosen, by hyperparameter."""
    found: dict[str, Sequence[str]] = {}
    for goal in goals.values():
        for name, values in goal.space.items():
            if not isinstance(values, Choice) or not isinstance(values.values[0], str):
                continue
            names = [str(value) for value in values.values]
            if found.setdefault(name, names) != names:
                raise ValueError(
                    f"{name}: programs choose among other names, {', '.join(found[name])} and "
                    f"{', '.join(names)}; call it by two names"
                )
    return found


def _check_metric(plan: Plan, goals: Mapping[str, Goal]) -> None:
    """Raises ValueError for a metric of no known direction, on test, or that is not measured."""
    for name, goal in goals.items():
        chosen_on(goal.metric)
        mine = [trial for trial in plan.trials if trial.program == name]
        measured = metric_names(plan.programs[name], columns(mine, plan.categories), plan.data)
        if measured is not None and goal.metric not in measured:
            raise ValueError(
                f"metric: {name} does not measure {goal.metric!r}, it measures "
                f"{', '.join(measured) or 'nothing'}"
            )
        stats.direction(goal.metric, goal.mode)


def _in_words(method: Halving | studies.Sampler) -> str:
    if isinstance(method, Halving):
        return "halving"
    if isinstance(method, str):
        return "optuna's TPE" if method == "optuna" else method
    return str(getattr(getattr(method, "func", method), "__name__", "a sampler"))
