"""Successive halving on the boundaries of segments (Jamieson & Talwalkar 2016,
https://arxiv.org/abs/1502.07943).

A *rung* is a number of segments after which the trials of a program wait for each other, on disk.
A rule then says which of them stop, and the others are packed anew into as few chunks as hold them.
"""

import contextlib
import functools
import io
import json
import shutil
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd

from jaxdl import checkpoint, stats
from jaxdl._files import drop_drafts, write_atomic
from jaxdl._kinds import Mode
from jaxdl._text import meant
from jaxdl._workdir import RUNGS
from jaxdl.params import is_key
from jaxdl.sweep import chunk as chunks
from jaxdl.sweep import store
from jaxdl.sweep.chunk import Record
from jaxdl.sweep.distributions import is_whole
from jaxdl.sweep.fingerprint import described, fingerprint
from jaxdl.sweep.space import Trial, trial_id
from jaxdl.types import PyTree

DECIDED = "decided.json"
PLAIN = ("status", "steps", "survived", "segments")

PruneRule = Callable[[int, pd.DataFrame], Any]
"""`(segments, frame) -> [rows]`, true where a trial is to stop; see `execute`."""


class PruneError(ValueError):
    """A `Halving` that the sweep cannot follow."""


class Halving(NamedTuple):
    """When trials wait for each other, and which of them then stop.

    rungs: numbers of segments, rising, each less than those of the sweep.
    """

    rungs: Sequence[int]
    rule: PruneRule

    def check(self, segments: int) -> None:
        """Raises PruneError for rungs that a sweep of so many segments does not have."""
        whole = all(map(is_whole, self.rungs))
        rising = bool(len(self.rungs)) and list(self.rungs) == sorted(set(self.rungs))
        if not whole or not rising or not all(0 < rung < segments for rung in self.rungs):
            raise PruneError(
                f"prune: rungs are numbers of segments that rise from 1 to {segments - 1} at most, "
                f"not {', '.join(map(str, self.rungs)) or 'none'}"
            )

    def described(self) -> str:
        """The rungs and the rule, which is told by its code too."""
        rule = self.rule
        inner = rule.func if isinstance(rule, functools.partial) else rule
        name = getattr(inner, "__qualname__", type(inner).__qualname__)
        words = repr(rule) if isinstance(rule, Best) else f"{name} {described(rule)}"
        return f"{[*map(int, self.rungs)]} {words}"


@dataclass(frozen=True)
class Best:
    """The rule that a share of a rung's points goes on: the best by the mean over their seeds.

    All seeds of a point stop or go on together. The share is of the points that are sound, whose
    seeds all have a finite number, rounded up; of equals the first goes on.
    share: above 0, 1 at most. mode: of a metric that `stats.kind` does not know.
    Raises ValueError for another share or mode.
    """

    metric: str
    share: float
    mode: Mode | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"the share that goes on is above 0 and 1 at most, not {self.share}")
        stats.direction(self.metric, self.mode)

    def check(self, metrics: Collection[str]) -> None:
        """Raises PruneError where the metric is not among those that are measured."""
        if self.metric not in metrics:
            known = ", ".join(map(str, metrics)) or "none"
            hint = meant(self.metric, metrics)
            raise PruneError(f"prune: the metric {self.metric!r} is none of {known}{hint}")

    def __call__(self, segments: int, frame: pd.DataFrame) -> np.ndarray:
        """True where a trial is to stop. Raises PruneError where the metric is not measured."""
        self.check(frame.columns)
        sign = -1.0 if stats.direction(self.metric, self.mode) == "max" else 1.0
        value = sign * frame[self.metric].astype(float)
        value = value.where(frame["status"].eq("ok") & np.isfinite(value))
        means = value.groupby(level=0).agg(lambda seeds: seeds.mean(skipna=False))
        # 0.28 of 25 are 7, though not in binary fractions.
        count = max(1, int(np.ceil(round(self.share * means.notna().sum(), 9))))
        return ~frame.index.isin(means.sort_values(kind="stable").index[:count])


class Waiting(NamedTuple):
    """Trials that were one chunk on their way to a rung, and have come there.

    ids: of the trials. lanes: of the program. path: of the file that holds their states, too.
    """

    ids: list[str]
    record: Record
    lanes: int
    path: Path


def hold(
    workdir: Path,
    segments: int,
    trials: Sequence[Trial],
    state: PyTree,
    lane: np.ndarray,
    record: Record,
    facts: Mapping[str, Any],
) -> None:
    """Keeps a chunk's trials on disk until the others have come.

    state: [lanes]. lane: of each trial.
    """
    parts = {name: getattr(record, name) for name in PLAIN}
    parts |= {f"curve {name}": values for name, values in record.curves.items()}
    parts |= {f"evaluation {name}": values for name, values in record.evaluations.items()}
    parts |= {"ids": np.array(_ids(trials)), "lanes": np.array(facts["lanes"])}
    # Rows are taken in NumPy: JAX would compile something for each number of them.
    for number, leaf in enumerate(jax.tree.leaves(state)):
        if is_key(leaf):
            parts[f"impl {number}"] = np.array(str(jax.random.key_impl(leaf)))
            leaf = jax.random.key_data(leaf)
        parts[f"state {number}"] = np.asarray(leaf)[lane]
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **parts)  # weights hardly compress
    path = _directory(workdir, segments, facts) / f"{_ids(trials)[0]}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, buffer.getvalue())


def waiting(workdir: Path, segments: int, facts: Mapping[str, Any]) -> list[Waiting]:
    """What has come to a rung of a program."""
    found = []
    for path in sorted(_directory(workdir, segments, facts).glob("*.npz")):
        with _parts(path) as parts:
            of = {
                kind: {
                    name.removeprefix(f"{kind} "): parts[name]
                    for name in parts.files
                    if name.startswith(f"{kind} ")
                }
                for kind in ("curve", "evaluation")
            }
            plain = {name: parts[name] for name in PLAIN}
            record = Record(**plain, curves=of["curve"], evaluations=of["evaluation"])
            found.append(Waiting(parts["ids"].tolist(), record, int(parts["lanes"]), path))
    return found


def taken(
    rung: Iterable[Waiting], trials: Sequence[Trial], like: PyTree, trial: np.ndarray
) -> tuple[PyTree, Record]:
    """State [lanes] and record [trials] of these trials of a rung.

    like: the state of a program. trial: of each lane.
    """
    wanted = set(_ids(trials))
    ids: list[str] = []
    found: list[tuple[list[np.ndarray], Record]] = []
    impls: dict[int, str] = {}
    count = len(jax.tree.leaves(like))
    for each in rung:
        places = np.array([n for n, name in enumerate(each.ids) if name in wanted], int)
        if len(places):
            ids += [each.ids[place] for place in places]
            with _parts(each.path) as parts:
                leaves = [parts[f"state {n}"][places] for n in range(count)]
                impls |= {n: str(parts[f"impl {n}"]) for n in range(count) if f"impl {n}" in parts}
            found.append((leaves, _rows(each.record, places)))
    order = np.array([ids.index(name) for name in _ids(trials)])
    leaves, record = _rows(jax.tree.map(lambda *each: np.concatenate(each), *found), order)

    def placed(number: int, array: np.ndarray, like: jax.ShapeDtypeStruct) -> jax.Array:
        in_lanes = array[trial]
        if number in impls:
            key = jax.random.wrap_key_data(in_lanes, impl=impls[number])
            return jax.device_put(key, like.sharding)
        # NumPy reads bfloat16 as bytes.
        return jax.device_put(in_lanes.view(like.dtype), like.sharding)

    likes, structure = jax.tree.flatten(like)
    state = [placed(n, *each) for n, each in enumerate(zip(leaves, likes, strict=True))]
    return jax.tree.unflatten(structure, state), record


@contextlib.contextmanager
def _parts(path: Path) -> Iterator[Any]:
    """The arrays of a file, each checked by its sum when it is read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as parts:
            yield parts
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise checkpoint.CheckpointError(
            f"{path} is damaged ({error}); delete it and its trials run again"
        ) from error


def _ids(trials: Iterable[Trial]) -> list[str]:
    return [trial_id(trial) for trial in trials]


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


def decide(
    workdir: Path,
    segments: int,
    facts: Mapping[str, Any],
    asked: Iterable[str],
    stopped: Iterable[str],
) -> None:
    """Keeps which trials (ids) a rule was asked about at a rung, and which of them stop."""
    said = {"asked": sorted(asked), "stopped": sorted(stopped)}
    path = _directory(workdir, segments, facts) / DECIDED
    write_atomic(path, json.dumps({**said, "seal": fingerprint(said)}))


def decided(
    workdir: Path, segments: int, facts: Mapping[str, Any], trials: Iterable[Trial]
) -> set[str] | None:
    """Which trials stop at a rung; None where nothing is kept, or nothing about all of these."""
    with contextlib.suppress(OSError, ValueError):
        said = json.loads((_directory(workdir, segments, facts) / DECIDED).read_text())
        if said.pop("seal") == fingerprint(said) and {*_ids(trials)} <= {*said["asked"]}:
            return set(said["stopped"])
    return None


def drop(workdir: Path, facts: Mapping[str, Any]) -> None:
    """Removes all rungs of a program."""
    shutil.rmtree(_directory(workdir, 0, facts).parent, ignore_errors=True)
    with contextlib.suppress(OSError):  # there may be those of others
        (workdir / RUNGS).rmdir()


def drop_left_over(workdir: Path, done: Collection[str]) -> None:
    """Removes what a kill during `drop` has left: rungs of programs whose trials are all done.

    A folder without files goes too; one with a file that cannot be read as one of a rung stays.
    """
    for place in (workdir / RUNGS).glob("*"):
        unreadable = (OSError, ValueError, KeyError, TypeError, checkpoint.CheckpointError)
        with contextlib.suppress(*unreadable):
            for rung in place.glob("*"):
                drop_drafts(rung)
            if _trials_in(place) <= {*done}:
                shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(OSError):
        (workdir / RUNGS).rmdir()


def _trials_in(place: Path) -> set[str]:
    """The trials that any file of a program's rungs tells of; raises for a file that is another."""
    found: set[str] = set()
    for path in place.rglob("*"):
        if path.name == DECIDED:
            found |= {*json.loads(path.read_text())["asked"]}
        elif path.is_file():
            with _parts(path) as parts:
                found |= {*parts["ids"].tolist()}
    return found


def _directory(workdir: Path, segments: int, facts: Mapping[str, Any]) -> Path:
    # Trials go on from a rung whatever the lanes were that they came with.
    without = {name: value for name, value in facts.items() if name != "lanes"}
    return workdir / RUNGS / fingerprint(without) / str(segments)


def _rows(tree: PyTree, places: np.ndarray) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[places], tree)
