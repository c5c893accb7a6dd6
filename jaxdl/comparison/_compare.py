"""From a candidate to what is found about it."""

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxdl import sweep
from jaxdl.comparison.candidates import OPTIMIZER, entrant, find, unknown
from jaxdl.comparison.comparison import Comparison
from jaxdl.comparison.entrants import Entrant, Kind
from jaxdl.comparison.study import BY, FRESH_SEEDS, POINTS, SEEDS, Study, program_of
from jaxdl.initializers import INITIALIZERS
from jaxdl.optimizers import schedules
from jaxdl.optimizers.schedules import Shape
from jaxdl.workloads import Workload, named

Given = str | Entrant | Callable[..., Any]
"""What is compared: a name or a place of one, an `Entrant`, or a function that `entrant` takes."""
OWN = "own"
"""The initializer or the loss that a workload has itself."""
SCHEDULES: dict[str, Callable[[int], Shape]] = {
    "constant": lambda steps: schedules.constant(),
    "cosine": schedules.cosine,
    "slanted": schedules.slanted_triangular,
}
BASELINES = ("sgd", "momentum", "adam")
WORKLOADS = ("ravine", "rosenbrock", "quadratic_deep", "breast_cancer", "digits_mlp", "digits_cnn")
"""Minutes on two cores."""


class Usual(NamedTuple):
    """With what and on what candidates of a kind are compared where nothing else is said.

    quick: the workloads of a first answer.
    """

    baselines: tuple[str, ...]
    workloads: tuple[str, ...]
    quick: tuple[str, ...]


USUAL: dict[Kind, Usual] = {
    "optimizer": Usual(BASELINES, WORKLOADS, ("ravine", "breast_cancer", "digits_mlp")),
    "schedule": Usual(("constant", "cosine"), WORKLOADS, ("breast_cancer", "digits_mlp")),
    "initializer": Usual(
        (OWN,), ("digits_mlp", "digits_cnn", "digits_autoencoder"), ("digits_mlp", "digits_cnn")
    ),
    "loss": Usual((OWN,), ("digits_mlp", "digits_cnn", "topics"), ("digits_mlp", "topics")),
}


def compare(
    candidate: Given,
    baselines: Sequence[Given] | None = None,
    workloads: Sequence[str | Workload] | None = None,
    *,
    optimizer: str = OPTIMIZER,
    protocol: str = "grid",
    points: int = POINTS,
    seeds: int = SEEDS,
    fresh_seeds: int = FRESH_SEEDS,
    shape: Callable[[int], Shape] | None = None,
    sampler: str = "TPESampler",
    workdir: str | Path | None = None,
    progress: sweep.Progress | None = None,
) -> Comparison:
    """Is this optimizer, schedule, initializer or loss better than tuned baselines?

    Args:
        candidate: as `entrant` takes it, `learning_rate -> optax.GradientTransformation` say; a
            name in `ENTRANTS`; or `module:function`, `FILE:function`.
        baselines: names or functions, as `against` takes them; None: those that are `USUAL`.
        workloads: names in `workloads.WORKLOADS`, or workloads; None: those that are `USUAL`.
        optimizer: with which a candidate and its baselines are tuned that is none itself.
        protocol: how the best of each is searched: grid, halton, halving, optuna or defaults.
        points: of the protocol, for each optimizer.
        seeds: of the search.
        fresh_seeds: others, that run the chosen points again and are judged.
        shape: of a schedule, `steps -> shape`; None: constant rates.
        sampler: of `optuna`, see `sweep.asked`.
        workdir: where trials are kept, so that the same call goes on after a kill; None: nowhere.
        progress: default `sweep.reporter()`; `sweep.Progress()` shows nothing.

    Returns:
        What was found: `.text()`, `.table()`, and the trials as pandas frames.

    Raises:
        ValueError: for what is no optimizer, baseline or workload, in one line.
        RuntimeError: where the candidate raises on every workload, all baselines do, or all of them
            on one. Who raises on some has lost there.
    """
    sweep.take_all_cores()  # before the candidate is tried, which starts JAX
    name, one = _found(candidate, optimizer, "candidate")
    if isinstance(workloads, str):
        raise ValueError(f"workloads: give a sequence of names, such as ({workloads!r},)")
    usual = USUAL[one.kind]
    name, entrants = against(name, one, usual.baselines if baselines is None else baselines)
    asked = usual.workloads if workloads is None else workloads
    chosen = [named(each) if isinstance(each, str) else each for each in asked]
    others = [each for each in chosen if not isinstance(each, Workload)]
    if others:
        raise ValueError(f"workloads: give names or workloads, not {others[0]!r}")
    study = Study(entrants, chosen, protocol, points, seeds, fresh_seeds, shape, sampler)
    if workdir is not None:
        return run(study, name, Path(workdir), progress)
    with tempfile.TemporaryDirectory() as folder:
        return run(study, name, Path(folder), progress)


def against(
    name: str, candidate: Entrant, baselines: Sequence[Given]
) -> tuple[str, dict[str, Entrant]]:
    """The name of a candidate, and it with its baselines: none of another's name is lost.

    baselines: of an optimizer names in `ENTRANTS`; of a schedule in `SCHEDULES`; of an initializer
        in `initializers.INITIALIZERS`; `own` is a workload's own initializer or loss. Or
        `module:function`, or what `entrant` takes, of the same kind. ValueError where none is left,
        or one is another thing.
    """
    if isinstance(baselines, str):
        raise ValueError(f"baselines: give a sequence of names, such as ({baselines!r},)")
    found: dict[str, Entrant] = {}
    for text in baselines:
        called, one = _baseline(candidate, text)
        if found.setdefault(called, one) != one:
            raise ValueError(f"baselines: two are called {called!r}, and would be one in tables")
    if found.get(name) is candidate:
        del found[name]
    if name in found:
        name = f"{name} (candidate)"
    if not found:
        raise ValueError(f"there is no baseline that {name} is compared with")
    return name, {name: candidate, **found}


def _baseline(candidate: Entrant, text: Given) -> tuple[str, Entrant]:
    """What a candidate of this kind is compared with, by its name; ValueError for another."""
    kind, alone = candidate.kind, candidate._replace(shape=None, kernel_init=None, loss=None)
    known: dict[str, Entrant] = {}
    if kind == "schedule":
        known = {name: alone._replace(shape=shape) for name, shape in SCHEDULES.items()}
    elif kind == "initializer":
        drawn = {name: alone._replace(kernel_init=each) for name, each in INITIALIZERS.items()}
        known = {OWN: alone, **drawn}
    elif kind == "loss":
        known = {OWN: alone}
    if isinstance(text, str) and text in known:
        return f"own {kind}" if text == OWN else text, known[text]
    if known and isinstance(text, str) and ":" not in text:
        raise unknown(text, kind, known)
    name, found = _found(text, OPTIMIZER, "baseline")
    if found.kind != kind:
        raise ValueError(
            f"{text!r} is of the kind {found.kind}, the candidate is of the kind {kind}"
        )
    if kind == "optimizer":
        return name, found
    return name, alone._replace(shape=found.shape, kernel_init=found.kernel_init, loss=found.loss)


def run(
    study: Study, candidate: str, workdir: Path, progress: sweep.Progress | None = None
) -> Comparison:
    """Searches, chooses and confirms. Raises RuntimeError as `check_raised`."""
    plan = study.plan()
    found = plan.execute(workdir, progress=progress)
    check_raised(study, candidate, found)
    again = study.confirm(plan, found).execute(workdir, progress=progress)
    return conclude(study, candidate, found, again)


def check_raised(study: Study, candidate: str, results: sweep.Results) -> None:
    """Raises RuntimeError, in one line, where there is nothing to compare: the candidate raised on
    every workload, all baselines did, or all of them on one."""
    said = {
        (row["workload"], row["optimizer"]): row["message"]
        for row in results.rows
        if row["status"] == "error"
    }
    others = [name for name in study.entrants if name != candidate]
    names = [workload.name for workload in study.workloads]
    groups = [itertools.product(names, [candidate]), itertools.product(names, others)]
    groups += [itertools.product([name], study.entrants) for name in names]
    for group in map(list, groups):
        if set(group) <= set(said):
            raise RuntimeError("; ".join(f"{program_of(*one)}: {said[one]}" for one in group))


def conclude(
    study: Study, candidate: str, found: sweep.Results, again: sweep.Results
) -> Comparison:
    """What the two sweeps of a study say of the candidate."""
    frame, fresh = found.frame(), again.frame()
    clock = _clock(study, again)
    frame = frame.assign(arrived=_arrived(study, frame, found.curves()))
    times = fresh[[*BY, "seed"]].assign(steps=_arrived(study, fresh, again.curves()))
    times = times[times["steps"].notna()]
    paces = times[list(BY)].merge(clock, "left", list(BY))["running"].to_numpy(float)
    times = times.assign(seconds=times["steps"].to_numpy(float) * paces)
    return Comparison(candidate, study, frame, fresh, study.choose(found), times, clock)


def _clock(study: Study, results: sweep.Results) -> pd.DataFrame:
    """`running`: seconds of a step; `compiling`: seconds; of each workload and optimizer."""
    taken = results.clock()
    taken = taken.assign(running=taken["running"] / taken["steps"])
    programs = pd.DataFrame(
        itertools.product([each.name for each in study.workloads], study.entrants), columns=BY
    )
    names = [program_of(*row) for row in programs.itertuples(index=False)]
    measured = taken[["running", "compiling"]].reindex(names).reset_index(drop=True)
    return programs.join(measured)


def _arrived(study: Study, frame: pd.DataFrame, curves: dict[str, np.ndarray]) -> np.ndarray:
    """Steps to the target of each trial, `[N]`; inf for a miss, nan where there is no target."""
    steps = np.full(len(frame), np.nan)
    for workload in study.workloads:
        if workload.target is not None:
            mine = frame["workload"].eq(workload.name).to_numpy()
            steps[mine] = study.steps_to_target(
                workload, curves[f"validation_{workload.metric}"][mine]
            )
    return steps


def _found(given: Given, optimizer: str, unnamed: str) -> tuple[str, Entrant]:
    """Name and entrant of what was given; `unnamed` where it has no name of its own."""
    if isinstance(given, str):
        return find(given, optimizer)
    made = given.make if isinstance(given, Entrant) else given
    name = getattr(made, "__name__", unnamed).replace("<lambda>", unnamed)
    return name, entrant(given, name, optimizer)
