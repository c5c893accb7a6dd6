"""What the explorer shows of a run: its trials as columns, and their training curves, thinned."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl.report.tables import counted, label, measure

if TYPE_CHECKING:
    from jaxdl.sweep.plans import Plan
    from jaxdl.sweep.results import Results

MOST_POINTS = 100
"""Of one curve: more than a chart of this size can show."""
CURVE_NUMBERS = 300_000
"""Of all curves of one name together, 1.6 MB of the page."""
FEWEST_POINTS = 8
HIDDEN = frozenset({"trial", "lanes", "code", "fingerprint", "diverged_at"})
"""Columns of the ledger that say nothing of a trial's outcome."""
PART = "from"
ABOUT = ("seed", "status", "steps", "message")


class Column(NamedTuple):
    """A column of the trials.

    label: with the unit, as it is written
    role: `condition` (what was asked: hyperparameters, program, seed), `metric`, or `outcome`
    values: [N] float64 in the unit of the label, nan where there is none; of names their places in
        `levels`, -1 where there is none
    log: whether it lies on a log scale
    better: `max` or `min` of a metric, empty where it is not known
    decimals: behind the point; None for significant digits
    """

    name: str
    label: str
    role: str
    values: np.ndarray
    levels: tuple[str, ...] | None = None
    log: bool = False
    better: str = ""
    decimals: int | None = None


class Curve(NamedTuple):
    """A curve of every trial by step: values [N, P] float32 at the steps [P]."""

    label: str
    steps: np.ndarray
    values: np.ndarray
    log: bool = False


class Trials(NamedTuple):
    """The trials of a run, to be sorted, filtered, drawn and chosen by who reads the page.

    columns: of the same N trials. curves: of these. notes: sentences on what is left out.
    metric, against, colour: names of the columns that are drawn at first.
    """

    columns: Sequence[Column]
    curves: Sequence[Curve]
    metric: str
    against: str
    colour: str
    notes: Sequence[str] = ()


def trials(plan: "Plan", found: Sequence["Results"]) -> Trials | None:
    """The trials of a plan; None where no metric of theirs is known.

    found: what the plan found; and, of an experiment that confirms, what fresh seeds did, which a
        column of the table then tells apart.
    """
    frames = [
        results.frame().assign(**{PART: part})
        for part, results in zip(("search", "fresh seeds"), found, strict=False)
    ]
    frame = pd.concat(frames, ignore_index=True)
    labels = [name for columns in plan.labels.values() for name in columns]
    hparams = [name for trial in plan.trials for name in trial.hparams]
    conditions = dict.fromkeys([*labels, *hparams, "program", PART])
    asked = [name for name in conditions if name in frame]
    metrics = [name for name in frame if _is_metric(frame, name, {*asked, *ABOUT, *HIDDEN})]
    ended = [name for name in metrics if frame[name].notna().any()]
    if not ended:
        return None
    metric = next((name for name in ended if name.startswith("validation_")), ended[0])
    columns = [_condition(name, frame[name]) for name in _telling(frame, asked)]
    columns += [_condition("seed", frame["seed"])]
    columns += [_metric(name, frame[name]) for name in ended]
    columns += [
        _condition(name, frame[name])._replace(role="outcome")
        for name in _telling(frame, ABOUT[1:])
    ]
    order = _best_first(frame[metric], metric)
    columns = [each._replace(values=each.values[order]) for each in columns]
    curves, notes = _curves(found, order)
    against, colour = _first_axes(columns)
    return Trials(columns, curves, metric, against, colour, notes)


def _is_metric(frame: pd.DataFrame, name: str, others: Collection[str]) -> bool:
    return name not in others and pd.api.types.is_numeric_dtype(frame[name])


def _telling(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The columns that differ between trials, without one that only repeats another."""
    kept: dict[str, np.ndarray] = {}
    for name in names:
        codes = pd.factorize(frame[name])[0] if name in frame else np.zeros(1)
        if np.ptp(codes) and not any(np.array_equal(codes, other) for other in kept.values()):
            kept[name] = codes
    return list(kept)


def _condition(name: str, values: pd.Series) -> Column:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        return Column(name, label(name), "condition", numbers, log=_is_log(numbers))
    codes, levels = pd.factorize(values.map(str, na_action="ignore"))
    return Column(name, label(name), "condition", codes.astype(float), tuple(map(str, levels)))


def _metric(name: str, values: pd.Series) -> Column:
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    try:
        kind = stats.kind(name)
    except ValueError:
        return Column(name, label(name), "metric", numbers)
    text = measure(label(name), kind.unit)
    if kind.scale == "share":
        return Column(name, text, "metric", 100 * numbers, better=kind.mode, decimals=1)
    log = kind.scale == "positive" and _decades(numbers) > 1.5
    return Column(name, text, "metric", numbers, log=log, better=kind.mode)


def _is_log(values: np.ndarray) -> bool:
    """Whether numbers were sampled by orders of magnitude: their median lies nearer the geometric
    mean of the ends than the arithmetic one."""
    if _decades(values) < 0.9:
        return False
    distinct = np.unique(values[np.isfinite(values)])
    low, high, median = distinct[0], distinct[-1], np.median(distinct)
    return bool(abs(np.log(median**2 / (low * high))) < 2 * abs(np.log(2 * median / (low + high))))


def _decades(values: np.ndarray) -> float:
    """How many powers of ten the numbers span; 0 unless all are positive."""
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() <= 0:
        return 0.0
    return float(np.log10(finite.max()) - np.log10(finite.min()))


def _best_first(values: pd.Series, metric: str) -> np.ndarray:
    try:
        ascending = stats.kind(metric).mode == "min"
    except ValueError:
        return np.arange(len(values))
    ranked = values.reset_index(drop=True).sort_values(ascending=ascending, kind="stable")
    return ranked.index.to_numpy()


def _first_axes(columns: Sequence[Column]) -> tuple[str, str]:
    """What is drawn along the axis at first, and what colours tell apart."""
    asked = [each for each in columns if each.role == "condition" and each.name != "seed"]
    many = {each.name: len(np.unique(each.values)) for each in columns}
    names = [each for each in asked if each.levels is not None]
    numbers = [each for each in asked if each.levels is None and many[each.name] > 1]
    by_rate = sorted(numbers, key=lambda each: ("learning_rate" not in each.name, not each.log))
    along = [*by_rate, *names, *columns][0]
    other = [each for each in (*names, *numbers) if each is not along] or [along]
    return along.name, min(other, key=lambda each: many[each.name] > 12).name


def _curves(found: Sequence["Results"], order: np.ndarray) -> tuple[list[Curve], list[str]]:
    parts = [results.curves() for results in found]
    names = dict.fromkeys(name for part in parts for name in part if name != "trial")
    steps = max((part["loss"].shape[1] for part in parts if "loss" in part), default=0)
    notes = []
    # What is measured after a segment would be drawn at the steps of the longest program.
    if len(_lengths(found)) > 1 and len(names) > ("loss" in names):
        names = {name: None for name in names if name == "loss"}
        notes = ["Programs train for unequal numbers of steps: of evaluations the last is shown."]
    curves, thinned = [], 0
    for name in sorted(names, key=lambda name: name != "loss"):
        values = _stacked(parts, name)[order]
        length = values.shape[1]
        at_most = min(MOST_POINTS, CURVE_NUMBERS // len(order))
        if length < 2 or not np.isfinite(values).any():
            continue
        if at_most < min(FEWEST_POINTS, length):
            return [], [f"Of {counted(len(order), 'trial')} the training curves are left out."]
        apart = max(steps / length, 1.0)
        at, windows = _windows(values, at_most)
        curves.append(_curve(name, apart * at, windows))
        thinned = max(thinned, len(at) if len(at) < length else 0)
    if thinned:
        notes.append(f"Training curves are means over windows of steps, {thinned} of each trial.")
    return curves, notes


def _lengths(found: Sequence["Results"]) -> set[int]:
    """Steps of the programs, as far as a trial has come to its end."""
    longest: dict[str, int] = {}
    for row in (row for results in found for row in results.rows if row["status"] == "ok"):
        longest[row["program"]] = max(row.get("steps", 0), longest.get(row["program"], 0))
    return set(longest.values())


def _stacked(parts: Sequence[Mapping[str, np.ndarray]], name: str) -> np.ndarray:
    """A curve of the trials of several results, nan behind the end of shorter ones."""
    length = max(part[name].shape[1] for part in parts if name in part)
    stacked = []
    for part in parts:
        rows = np.full((len(part["trial"]), length), np.nan, np.float32)
        if name in part:
            rows[:, : part[name].shape[1]] = part[name]
        stacked.append(rows)
    return np.concatenate(stacked)


def _windows(values: np.ndarray, at_most: int) -> tuple[np.ndarray, np.ndarray]:
    """Means over up to so many windows of equal width, and the last step of each, from 1."""
    length = values.shape[1]
    if length <= at_most:
        return np.arange(1, length + 1), values
    width = -(-length // at_most)
    starts = np.arange(0, length, width)
    there = np.isfinite(values)
    sums = np.add.reduceat(np.where(there, values, 0), starts, axis=1, dtype=np.float64)
    counts = np.add.reduceat(there, starts, axis=1, dtype=np.int64)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return np.minimum(starts + width, length), means.astype(np.float32)


def _curve(name: str, steps: np.ndarray, values: np.ndarray) -> Curve:
    text = "training loss" if name == "loss" else label(name)
    try:
        kind = stats.kind(name)
    except ValueError:
        return Curve(text, steps, values)
    if name != "loss":
        text = measure(text, kind.unit)
    if kind.scale == "share":
        return Curve(text, steps, 100 * values)
    return Curve(text, steps, values, log=_decades(values) > 0.5 and kind.scale == "positive")
