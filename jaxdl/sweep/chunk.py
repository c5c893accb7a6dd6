"""The trials in flight: what is known of each lane, on the host."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.sweep.space import Trial

Categories = Mapping[str, Sequence[str]]
"""Hyperparameters given by name: the names, in the order of the index that the program receives."""

OK, DIVERGED, PRUNED = 0, 1, 2
STATUS = ("ok", "diverged", "pruned")


class Record(NamedTuple):
    """What a chunk has shown so far: arrays with leading axis [lanes], updated in place.

    status: index into STATUS. steps: done so far; of a diverged trial, the first step whose loss
    was not finite, counted from 1, or the end of the segment if only parameters were not. segments:
    begun so far. curves:
    [lanes, all steps]; evaluations: [lanes, segments]; both nan where nothing was measured.
    """

    status: np.ndarray
    steps: np.ndarray
    segments: np.ndarray
    curves: dict[str, np.ndarray]
    evaluations: dict[str, np.ndarray]

    @property
    def alive(self) -> np.ndarray:
        return self.status == OK


def columns(trials: Sequence[Trial], categories: Categories) -> dict[str, np.ndarray]:
    """Hyperparameters of trials as arrays [N]: float32, and int32 for the index of a name.

    Raises ValueError if the trials do not share one set of hyperparameters, or a name is unknown.
    """
    names = list(trials[0].hparams)
    for trial in trials:
        if set(trial.hparams) != set(names):
            raise ValueError(
                f"program {trial.program}: trials have different hyperparameters, "
                f"{sorted(names)} and {sorted(trial.hparams)}"
            )
    return {name: _column(name, [t.hparams[name] for t in trials], categories) for name in names}


def _column(name: str, values: list[Any], categories: Categories) -> np.ndarray:
    if name in categories:
        known = list(categories[name])
        for value in values:
            if value not in known:
                raise ValueError(f"{name}: {value!r} is none of {', '.join(known)}")
        return np.array([known.index(value) for value in values], np.int32)
    if any(isinstance(value, str) for value in values):
        raise ValueError(f"{name}: {values[0]!r} is a name; list its values in `categories`")
    # One dtype for all numbers: 1 and 0.1 in different chunks are the same program.
    return np.array(values, np.float32)


def in_lanes(trials: Sequence[Trial], categories: Categories, lanes: int) -> dict[str, np.ndarray]:
    """`columns` of a chunk's trials, [lanes]: padding repeats the last."""
    return {name: pad(values, lanes) for name, values in columns(trials, categories).items()}


def pad(array: np.ndarray, lanes: int) -> np.ndarray:
    """Repeats the last entry until there are as many as lanes."""
    return np.concatenate([array, np.repeat(array[-1:], lanes - len(array), axis=0)])


def blank(
    lanes: int,
    trials: int,
    segments: int,
    curves: Mapping[str, jax.ShapeDtypeStruct],
    metrics: Mapping[str, jax.ShapeDtypeStruct],
) -> Record:
    """The record before the first segment. Lanes beyond `trials` are padding: never alive."""
    return Record(
        np.where(np.arange(lanes) < trials, OK, PRUNED).astype(np.int32),
        np.zeros(lanes, np.int32),
        np.zeros(lanes, np.int32),
        {
            name: np.full((lanes, segments * shape.shape[1]), np.nan, np.float32)
            for name, shape in curves.items()
        },
        {name: np.full((lanes, segments), np.nan, np.float32) for name in metrics},
    )


def update(
    record: Record,
    segment: int,
    curves: Mapping[str, np.ndarray],
    finite: np.ndarray,
    metrics: Mapping[str, np.ndarray],
) -> None:
    """Writes one segment into the record, and marks the lanes that diverged in it.

    finite: [lanes], whether the parameters are finite at the segment's end.
    """
    alive = record.alive
    good = np.all([np.isfinite(curve) for curve in curves.values()], axis=0)
    steps = good.shape[1]
    for name, curve in record.curves.items():
        curve[alive, segment * steps : (segment + 1) * steps] = curves[name][alive]
    diverged = alive & ~(finite & good.all(axis=1))
    last = np.where(good.all(axis=1), steps, good.argmin(axis=1) + 1)
    record.steps[alive] = (segment * steps + last)[alive]
    record.segments[alive] = segment + 1
    record.status[diverged] = DIVERGED
    for name, values in record.evaluations.items():
        values[record.alive, segment] = metrics[name][record.alive]


def row_metrics(record: Record, lane: int) -> dict[str, float | None]:
    """The evaluation after a lane's last segment; nothing of a diverged one."""
    if record.status[lane] == DIVERGED:
        return dict.fromkeys(record.evaluations)
    return {
        name: float(values[lane, record.segments[lane] - 1])
        for name, values in record.evaluations.items()
    }
