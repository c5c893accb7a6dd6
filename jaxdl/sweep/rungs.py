"""Successive halving on the boundaries of segments (Jamieson & Talwalkar 2016,
https://arxiv.org/abs/1502.07943).

A *rung* is a number of segments after which the trials of a program wait for each other, on disk.
A rule then says which of them stop, and the others are packed anew into as few chunks as hold them.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxdl import checkpoint, stats
from jaxdl.stats.kinds import Mode
from jaxdl.sweep import chunk as chunks
from jaxdl.sweep import store
from jaxdl.sweep.chunk import Record
from jaxdl.sweep.fingerprint import fingerprint
from jaxdl.sweep.space import Trial, trial_id
from jaxdl.types import PyTree

RUNGS = "rungs"

PruneRule = Callable[[int, pd.DataFrame], Any]
"""`(segments, frame) -> [rows]`, true where a trial is to stop; see `execute`."""


class Halving(NamedTuple):
    """When trials wait for each other, and which of them then stop.

    rungs: numbers of segments, rising, each less than those of the sweep.
    """

    rungs: Sequence[int]
    rule: PruneRule

    def check(self, segments: int) -> None:
        """Raises ValueError for rungs that a sweep of so many segments does not have."""
        rising = list(self.rungs) == sorted(set(self.rungs))
        if not rising or not all(0 < rung < segments for rung in self.rungs):
            raise ValueError(
                f"prune: rungs are numbers of segments that rise from 1 to {segments - 1} at most, "
                f"not {', '.join(map(str, self.rungs)) or 'none'}"
            )


@dataclass(frozen=True)
class Best:
    """The rule that a share of a rung's points goes on: the best by the mean over their seeds.

    All seeds of a point stop or go on together. The share is of the points that are sound, whose
    seeds all have a finite number, rounded up; of equals the first goes on.
    mode: of a metric that `stats.kind` does not know.
    """

    metric: str
    share: float
    mode: Mode | None = None

    def __call__(self, segments: int, frame: pd.DataFrame) -> np.ndarray:
        """True where a trial is to stop."""
        sign = -1.0 if stats.direction(self.metric, self.mode) == "max" else 1.0
        value = sign * frame[self.metric].astype(float)
        value = value.where(frame["status"].eq("ok") & np.isfinite(value))
        means = value.groupby(level=0).agg(lambda seeds: seeds.mean(skipna=False))
        count = max(1, int(np.ceil(self.share * means.notna().sum())))
        return ~frame.index.isin(means.sort_values(kind="stable").index[:count])


class Waiting(NamedTuple):
    """Trials that were one chunk on their way to a rung, and have come there.

    ids: of the trials. states: where the checkpoint of their states lies. lanes: of the program.
    """

    ids: list[str]
    record: Record
    states: Path
    lanes: int


def hold(
    workdir: Path,
    segments: int,
    trials: Sequence[Trial],
    state: PyTree,
    record: Record,
    facts: Mapping[str, Any],
) -> None:
    """Keeps a chunk's trials, with their states [trials], on disk until the others have come."""
    states = _directory(workdir, segments, facts) / trial_id(trials[0])
    checkpoint.save(states, segments, state)
    parts = {name: getattr(record, name) for name in ("status", "steps", "survived", "segments")}
    parts |= {f"curve {name}": values for name, values in record.curves.items()}
    parts |= {f"evaluation {name}": values for name, values in record.evaluations.items()}
    ids = np.array([trial_id(trial) for trial in trials])
    # This file last: it says that the whole chunk is there.
    store.write_npz(_file(states), {"ids": ids, "lanes": np.array(facts["lanes"]), **parts})


def waiting(workdir: Path, segments: int, facts: Mapping[str, Any]) -> list[Waiting]:
    """What has come to a rung of a program."""
    return [_read(path) for path in sorted(_directory(workdir, segments, facts).glob("*.npz"))]


def _read(path: Path) -> Waiting:
    parts = store.read_npz(path)
    ids, lanes = parts.pop("ids").tolist(), int(parts.pop("lanes"))
    of: dict[str, dict[str, np.ndarray]] = {"curve": {}, "evaluation": {}}
    for name in [name for name in parts if " " in name]:
        kind, _, own = name.partition(" ")
        of[kind][own] = parts.pop(name)
    record = Record(**parts, curves=of["curve"], evaluations=of["evaluation"])
    return Waiting(ids, record, path.with_suffix(""), lanes)


def taken(rung: Iterable[Waiting], trials: Sequence[Trial], like: PyTree) -> tuple[PyTree, Record]:
    """State and record of these trials of a rung, [trials].

    like: the state of a program, [lanes].
    """
    wanted = [trial_id(trial) for trial in trials]
    ids: list[str] = []
    parts: list[tuple[PyTree, Record]] = []
    for each in rung:
        places = [number for number, name in enumerate(each.ids) if name in wanted]
        if places:
            found = checkpoint.restore(each.states, _templates(like, len(each.ids)))
            if found is None:
                raise checkpoint.CheckpointError(f"{each.states}: the states of a rung are missing")
            ids += [each.ids[place] for place in places]
            parts.append(_rows((found.tree, each.record), np.array(places)))
    whole = jax.tree.map(_joined, *parts)
    return _rows(whole, np.array([ids.index(name) for name in wanted]))


def frame(
    rung: Iterable[Waiting], trials: Sequence[Trial], labels: Mapping[str, str]
) -> pd.DataFrame:
    """Those of the trials that have come to a rung, in their order, as `execute` says."""
    come = {name: (each.record, place) for each in rung for place, name in enumerate(each.ids)}
    points: dict[Any, int] = {}
    rows, index = [], []
    for trial in trials:
        if (name := trial_id(trial)) in come:
            rows.append(store.row(trial, labels, chunks.outcome(*come[name]), {}))
            index.append(points.setdefault(tuple(sorted(trial.hparams.items())), len(points)))
    return pd.DataFrame(rows, index=pd.Index(index, name="point"))


def drop(workdir: Path, facts: Mapping[str, Any]) -> None:
    """Removes all rungs of a program."""
    shutil.rmtree(_directory(workdir, 0, facts).parent, ignore_errors=True)


def _directory(workdir: Path, segments: int, facts: Mapping[str, Any]) -> Path:
    # Trials go on from a rung whatever the lanes were that they came with.
    without = {name: value for name, value in facts.items() if name != "lanes"}
    return workdir / RUNGS / fingerprint(without) / str(segments)


def _file(states: Path) -> Path:
    return states.with_suffix(".npz")


def _templates(like: PyTree, count: int) -> PyTree:
    """As NumPy arrays, of which rows are taken without anything being compiled."""

    def template(leaf: jax.ShapeDtypeStruct) -> Any:
        shape = (count, *leaf.shape[1:])
        if checkpoint.is_key(leaf):
            return jax.ShapeDtypeStruct(shape, leaf.dtype)
        return np.broadcast_to(np.zeros((), leaf.dtype), shape)

    return jax.tree.map(template, like)


def _rows(tree: PyTree, places: np.ndarray) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[places], tree)


def _joined(*leaves: Any) -> Any:
    return (jnp if checkpoint.is_key(leaves[0]) else np).concatenate(leaves)
