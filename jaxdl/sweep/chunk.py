"""The trials in flight: what is known of each lane, on the host."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.sweep.space import Trial

Categories = Mapping[str, Sequence[str]]
"""Hyperparameters given by name: the names, in the order of the index that the program receives."""

OK, DIVERGED, PRUNED = 0, 1, 2
STATUS = ("ok", "diverged", "pruned")


class Seats(NamedTuple):
    """Which lane each trial of a chunk is in, and which trial each lane holds.

    lane: [trials]. trial: [lanes]; a lane that no trial is in holds the first, which is dead there.
    """

    lane: np.ndarray
    trial: np.ndarray

    def alive(self, record: "Record") -> np.ndarray:
        """[lanes], where a trial goes on."""
        found = np.zeros(len(self.trial), bool)
        found[self.lane] = record.alive
        return found


def seats(trials: int, lanes: int, devices: int) -> Seats:
    """Seats for a chunk's trials in turn over the devices, so that none idles where some do not."""
    number = np.arange(trials)
    lane = number % devices * (lanes // devices) + number // devices
    trial = np.zeros(lanes, int)
    trial[lane] = number
    return Seats(lane, trial)


class Record(NamedTuple):
    """What a chunk has shown so far: arrays with leading axis [trials], updated in place.

    status: index into STATUS. steps: of training done so far; of a diverged trial, the step from
    which on its loss was not finite, counted from 1, or the end of the segment if only parameters
    were not. survived: steps whose loss was not finite and after which training went on. segments:
    begun so far. curves: [trials, all steps]; evaluations: [trials, segments]; both nan where
    nothing was measured.
    """

    status: np.ndarray
    steps: np.ndarray
    survived: np.ndarray
    segments: np.ndarray
    curves: dict[str, np.ndarray]
    evaluations: dict[str, np.ndarray]

    @property
    def planned(self) -> int:
        """Steps of a trial, over all segments."""
        return next(iter(self.curves.values())).shape[1]

    @property
    def alive(self) -> np.ndarray:
        return self.status == OK


def columns(trials: Sequence[Trial], categories: Categories) -> dict[str, np.ndarray]:
    """Hyperparameters of a program's trials as arrays [N], of the dtypes that `space` names.

    Raises ValueError for a name that is not among the categories.
    """
    names = trials[0].hparams
    return {name: _column(name, [t.hparams[name] for t in trials], categories) for name in names}


def _column(name: str, values: list[Any], categories: Categories) -> np.ndarray:
    if name in categories:
        known = list(categories[name])
        for value in values:
            if value not in known:
                raise ValueError(f"{name}: {value!r} is none of {', '.join(map(str, known))}")
        return np.array([known.index(value) for value in values], np.int32)
    if isinstance(values[0], str):
        wrong = f"{name}: {values[0]!r} is a text: give the number, without quotes"
        try:
            float(values[0])
        except ValueError:
            wrong = f"{name}: {values[0]!r} is a name; list its values in `categories`"
        raise ValueError(wrong)
    kinds: dict[type, Any] = {bool: np.bool_, int: np.int32, float: np.float32}
    return np.array(values, kinds[type(values[0])])


def in_lanes(
    trials: Sequence[Trial], categories: Categories, trial: np.ndarray
) -> dict[str, np.ndarray]:
    """`columns` of a chunk's trials, [lanes], by the `trial` of each lane."""
    return {name: values[trial] for name, values in columns(trials, categories).items()}


def blank(
    trials: int,
    segments: int,
    curves: Mapping[str, jax.ShapeDtypeStruct],
    metrics: Mapping[str, jax.ShapeDtypeStruct],
) -> Record:
    """The record before the first segment."""
    return Record(
        np.full(trials, OK, np.int32),
        np.zeros(trials, np.int32),
        np.zeros(trials, np.int32),
        np.zeros(trials, np.int32),
        {
            name: np.full((trials, segments * shape.shape[1]), np.nan, np.float32)
            for name, shape in curves.items()
        },
        {name: np.full((trials, segments), np.nan, np.float32) for name in metrics},
    )


def update(
    record: Record,
    segment: int,
    curves: Mapping[str, np.ndarray],
    finite: np.ndarray,
    steps: np.ndarray,
    metrics: Mapping[str, np.ndarray],
) -> None:
    """Writes one segment into the record, and marks the trials that diverged in it.

    Judged is what stands, since a step whose loss is not finite may have been skipped: a trial is
    lost as soon as its parameters are not finite; when training is over, it is lost if its losses
    have not been finite since the middle or before, or if the last are not and neither are the
    losses that it is evaluated by (all that it is evaluated by, where none is a loss).

    finite, steps: [trials], whether the parameters are finite at the segment's end, and how many
    steps of training lie behind.
    """
    alive = record.alive
    good = _all_finite(curves.values())
    length = good.shape[1]
    begin, end = segment * length, (segment + 1) * length
    for name, curve in record.curves.items():
        curve[alive, begin:end] = curves[name][alive]
    diverged = alive & ~finite
    planned = record.planned
    if diverged.any() or end == planned:
        whole = _all_finite([curve[:, :end] for curve in record.curves.values()])
        # Counted from the last finite loss: what came before was survived.
        lost = np.where(whole.any(axis=1), whole[:, ::-1].argmax(axis=1), end)
        if end == planned:
            diverged |= alive & ((2 * lost >= end) | ((lost > 0) & ~_sound(metrics, len(good))))
        steps = np.where(diverged, np.minimum(end - lost + 1, end), steps)
    record.steps[alive] = steps[alive]
    record.survived[alive & ~diverged] += (~good).sum(axis=1, dtype=np.int32)[alive & ~diverged]
    record.segments[alive] = segment + 1
    record.status[diverged] = DIVERGED
    for name, values in record.evaluations.items():
        values[record.alive, segment] = metrics[name][record.alive]


def _all_finite(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return np.all([np.isfinite(array) for array in arrays], axis=0)


def _sound(metrics: Mapping[str, np.ndarray], trials: int) -> np.ndarray:
    """[trials], whether the evaluation says that the model is a model; nothing says nothing."""
    losses = [values for name, values in metrics.items() if name.split("_")[-1] == "loss"]
    measured = losses or list(metrics.values())
    return _all_finite(measured) if measured else np.zeros(trials, bool)


def outcome(record: Record, trial: int) -> dict[str, Any]:
    """Status, steps, metrics and, in words, why a trial is not simply `ok`."""
    status, steps = STATUS[record.status[trial]], int(record.steps[trial])
    metrics = _metrics(record, trial)
    return {
        "status": status,
        "steps": steps,
        "diverged_at": steps if status == "diverged" else None,
        "message": _message(record, trial, status, steps, metrics),
        **metrics,
    }


def _message(
    record: Record, trial: int, status: str, steps: int, metrics: Mapping[str, float | None]
) -> str | None:
    if status == "diverged":
        curves = {name: curve[trial, steps - 1] for name, curve in record.curves.items()}
        lost = [name for name, value in curves.items() if not np.isfinite(value)]
        if lost:
            return f"{' and '.join(lost)} not finite from step {steps} on"
        return f"a parameter not finite after step {steps}"
    said = [f"pruned after segment {record.segments[trial]}"] if status == "pruned" else []
    if record.survived[trial]:
        said.append(f"went on after {record.survived[trial]} steps whose loss was not finite")
    undefined = [n for n, value in metrics.items() if value is None or not np.isfinite(value)]
    if undefined:
        said.append(f"not a finite number: {', '.join(undefined)}")
    return "; ".join(said) or None


def _metrics(record: Record, trial: int) -> dict[str, float | None]:
    """The evaluation after a trial's last segment; nothing of a diverged one."""
    if record.status[trial] == DIVERGED:
        return dict.fromkeys(record.evaluations)
    return {
        name: float(values[trial, record.segments[trial] - 1])
        for name, values in record.evaluations.items()
    }
