"""Studies of Optuna as a sweep keeps them: in a journal, of one question each
(Akiba et al. 2019, https://arxiv.org/abs/1907.10902)."""

import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from jaxdl import checkpoint, quiet
from jaxdl._kinds import Mode
from jaxdl.sweep import fingerprint
from jaxdl.sweep.distributions import Choice, Distribution, Integer, LogUniform, plain_values
from jaxdl.sweep.space import Point

if TYPE_CHECKING:
    import optuna

Sampler: TypeAlias = str | Callable[..., Any]
"""A class of `optuna.samplers` or its name, or what makes a sampler of a `seed=`."""
STUDIES = "optuna.log"
"""Optuna's journal of all studies of a workdir, a study for each program."""
ASKED = "asked"
"""Under which a study keeps what it is about."""
NEEDS = {"CmaEsSampler": "cmaes", "GPSampler": "torch"}
"""Packages that a sampler needs and Optuna does not bring."""


def sampler(
    made_by: "Sampler | optuna.samplers.BaseSampler", seed: int, count: int
) -> "optuna.samplers.BaseSampler":
    """The sampler that asks when there are `count` trials. Raises ValueError for what is none."""
    import optuna

    if isinstance(made_by, optuna.samplers.BaseSampler):
        name = type(made_by).__name__
        raise ValueError(
            f"sampler: a {name} that is made draws other points after a kill: give the class, or "
            f"functools.partial({name}, ...) without its seed"
        )
    make, name = _named(made_by) if isinstance(made_by, str) else made_by, described(made_by)
    drawn = int(np.random.SeedSequence([seed, count]).generate_state(1)[0])
    try:
        found = make(seed=drawn)
    except TypeError as error:
        raise ValueError(f"sampler: {name} cannot be made of a seed alone: {error}") from error
    if not isinstance(found, optuna.samplers.BaseSampler):
        raise ValueError(f"sampler: {name} makes no sampler of optuna.samplers, but {found!r}")
    return found


def _named(name: str) -> "Callable[..., optuna.samplers.BaseSampler]":
    import optuna

    known = {each: getattr(optuna.samplers, each) for each in optuna.samplers.__all__}
    del known["BaseSampler"]
    if not name.endswith("Sampler") or name not in known:
        samplers = ", ".join(each for each in known if each.endswith("Sampler"))
        raise ValueError(f"sampler: optuna.samplers has no {name!r}, it has {samplers}")
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        raise ValueError(f"sampler: {name} needs the package {NEEDS[name]}")
    return known[name]


def described(made_by: Sampler) -> str:
    """What makes a sampler, the same in every process."""
    if isinstance(made_by, str):
        return made_by
    return made_by.__name__ if isinstance(made_by, type) else fingerprint.described(made_by)


def distributions(space: Mapping[str, Distribution]) -> dict[str, Any]:
    """A space in Optuna's words."""
    from optuna import distributions

    def of(name: str, values: Distribution) -> distributions.BaseDistribution:
        if isinstance(values, Choice):
            return distributions.CategoricalDistribution(plain_values(name, values.values))
        if isinstance(values, Integer):
            return distributions.IntDistribution(int(values.low), int(values.high))
        log = isinstance(values, LogUniform)
        return distributions.FloatDistribution(values.low, values.high, log=log)

    return {name: of(name, values) for name, values in space.items()}


def finished(space: Mapping[str, Distribution], point: Point, value: float) -> Any:
    """A trial of Optuna's that has its value. Raises ValueError for a point outside its space."""
    from optuna.trial import create_trial

    return create_trial(value=value, params=point, distributions=distributions(space))


def tell(study: "optuna.Study", number: int, value: float | None) -> None:
    """Tells a study what came of a trial; None: nothing, it is forgotten."""
    from optuna.trial import TrialState

    try:
        study.tell(number, value, TrialState.COMPLETE if value is not None else TrialState.FAIL)
    except RuntimeError as error:
        # A sampler that has seen all there is stops the loop of `optimize`, which is not ours.
        if "Study.stop" not in str(error):
            raise


def opened(
    storage: "optuna.storages.BaseStorage", name: str, mode: Mode, about: str, anew: bool = False
) -> "optuna.Study":
    """The study of a name, begun anew where it is about something else, or where it is to be.

    about: whatever must be the same for its values to be compared. Its points are not lost: they
    have rows, and are told as soon as they are asked for again.
    """
    import optuna

    def study() -> optuna.Study:
        return optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize" if mode == "max" else "minimize",
            load_if_exists=True,
        )

    found = study()
    if anew or found.user_attrs.get(ASKED) != about:
        optuna.delete_study(study_name=name, storage=storage)
        found = study()
        found.set_user_attr(ASKED, about)
    return found


@contextlib.contextmanager
def journal(workdir: Path) -> Iterator["optuna.storages.BaseStorage"]:
    """The studies of a workdir, without Optuna's line for each; one process at a time.

    Raises CheckpointError for a journal that is damaged elsewhere than at its end.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = workdir / STUDIES
    with quiet.optuna(), checkpoint.lock(workdir, ".optuna.lock"):
        # A process that was killed may leave half a line, and its lock, on which Optuna waits
        # for 30 s.
        if path.exists():
            os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
        try:
            storage = JournalStorage(JournalFileBackend(str(path)))
        # What a journal that is no journal raises is anything.
        except Exception as error:
            raise checkpoint.CheckpointError(
                f"{path} is damaged ({type(error).__name__}: {error}); delete it: all trials "
                "have rows, and are asked for again"
            ) from error
        yield storage
