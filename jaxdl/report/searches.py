"""The page of a search: its winner, what matters, every point, what more points would buy."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl.report import plots, spaces
from jaxdl.report.importances import axes_of, valued, what_matters
from jaxdl.report.page import Block, Picture, Report, Section
from jaxdl.report.spaces import Cloud
from jaxdl.report.tables import Cell, Table, cell_of, counted, label, measure, number, table

if TYPE_CHECKING:
    from jaxdl.sweep.found import Found, Winner

SHOWN = 10
"""Of the best points."""


def of_search(found: "Found") -> Report:
    """The page of a search (`sweep.search`)."""
    winners = found.winners
    programs = list(winners)
    title = f"A search of {' and '.join(found.goals)}" if len(found.goals) < 4 else "A search"
    lead = f"Of {_tried(found)} ({found.method}) there is none of which every seed ended."
    if any(math.isfinite(each.value) for each in winners.values()):
        best = found.best
        lead = (
            f"{best.program} at {_point(best)} is the best of {_tried(found)} ({found.method}): "
            f"{_metric(found)} {_value(found, best.value)} in the mean of "
            f"{counted(found.seeds, 'seed')}."
        )
    sections = [
        Section("The winner", _winners(found, winners)),
        *what_matters(found, programs),
        Section("The points", [b for each in winners.values() for b in _pictures(found, each)]),
        Section("How near others come", _nearness(found, winners)),
        *_best_so_far(found, programs),
        Section("The best points", [_best_points(found, programs)]),
    ]
    return Report(title, lead, tuple(sections))


def _winners(found: "Found", winners: Mapping[str, "Winner"]) -> list[Block]:
    score = found.metric.replace("validation", "test", 1)
    tuned, rows = found.tuned, []
    kind, told = found.kind, score != found.metric and score in tuned.trials
    for name, winner in winners.items():
        row: dict[str, Cell] = {
            "program": name,
            "best at": _point(winner),
            measure(_metric(found), kind.unit): winner.value,
        }
        if told:
            scores = tuned.scores(score)[name]
            row[measure(label(score), kind.unit)] = (
                stats.mean_interval(scores, kind.scale) if scores.notna().all() else None
            )
        rows.append(row)
    caption = (
        f"The point that is best by the mean of {_metric(found)} over the seeds, which it was "
        "chosen by."
    )
    if told:
        caption += (
            f" {label(score).capitalize()}: of each seed at the point that other seeds chose, with "
            "95 % intervals."
        )
    return [*_warnings(found, winners), table(rows, caption)]


def _warnings(found: "Found", winners: Mapping[str, "Winner"]) -> list[Block]:
    """A line for each program whose best lies on the border of its space, or is none."""
    lines: list[Block] = []
    for name, winner in winners.items():
        if math.isnan(winner.value):
            lines.append(f"{name}: there is no point of which every seed ended.")
            continue
        points = found.points(name)
        at = {each: winner.hparams[each] for each in winner.borders}
        line = stats.border_warning(
            {each: float(value) for each, value in at.items()}, {each: points[each] for each in at}
        )
        lines += [f"{name}: {line}, so better ones may lie beyond."] if line else []
    gone = [name for name in found.goals if name not in winners]
    return lines + [f"{name} failed: the ledger says why." for name in gone]


def _pictures(found: "Found", winner: "Winner") -> list[Picture]:
    name = winner.program
    points, space = found.points(name), found.goals[name].space
    values = _scaled(found, points["value"])
    if not np.isfinite(values).any():
        return []
    cloud = Cloud(
        axes_of(found, name, points),
        values,
        _near(found, points),
        _place(points, winner),
        measure(_metric(found), found.kind.unit),
        "log" if found.kind.scale == "positive" else "linear",
    )
    place = list(found.goals).index(name)
    caption = (
        f"{counted(len(points), 'point')} of {name}, each the mean of "
        f"{counted(found.seeds, 'seed')}. Near: within "
        f"{'a point' if found.kind.scale == 'share' else '1 %'} of the winner."
    )
    title = f"{_metric(found).capitalize()} of {name} along each hyperparameter"
    made = [Picture(f"slices_{place}", spaces.slices(cloud, title=title), title, caption)]
    if len(space) > 1:
        title = f"The points of {name}"
        drawn = spaces.parallel(cloud, title=title)
        made.insert(0, Picture(f"points_{place}", drawn, title, caption))
    return made


def _near(found: "Found", points: pd.DataFrame) -> np.ndarray:
    """Which of the points that came to their end are nearly as good as the best of them."""
    ended = points["value"].where(points["status"].eq("ok"))
    return stats.near_best(ended, found.kind) if ended.notna().any() else ended.notna().to_numpy()


def _ended(points: pd.DataFrame) -> pd.DataFrame:
    """The points of which every seed came to its end with a number."""
    return points[points["status"].eq("ok") & points["value"].notna()]


def _nearness(found: "Found", winners: Mapping[str, "Winner"]) -> list[Block]:
    """How far one may go from each winner: over which values the near points are spread."""
    rows: list[dict[str, Cell]] = []
    for name, winner in winners.items():
        points = found.points(name)
        near, ended = points[_near(found, points)], _ended(points)
        if near.empty:
            continue
        for each in found.goals[name].space:
            rows.append({
                "program": name,
                "hyperparameter": each,
                "the winner's": _cell(winner.hparams[each]),
                "of points near it": _spread(near[each]),
                "of all that ended": _spread(ended[each]),
                "points near": f"{len(near)} of {len(ended)}",
            })  # fmt: skip
    where = "a point" if found.kind.scale == "share" else "1 %"
    text = f"Points whose {_metric(found)} is within {where} of the best, which is one of them."
    return [table(rows, text)] if rows else []


def _best_so_far(found: "Found", programs: Sequence[str]) -> list[Section]:
    parts = []
    for name in programs:
        values = valued(found, name)["value"].to_numpy(float)
        if len(values):
            count = np.arange(1, len(values) + 1)
            best = stats.best_of_first_k(values, count, found.mode)
            parts.append(
                pd.DataFrame({"program": name, "points": count, "value": _scaled(found, best)})
            )
    if not parts:
        return []
    title = "The best of so many points"
    figure = plots.lines(
        pd.concat(parts).assign(seed=0), "points", "value", line="program", title=title,
        x_label="points tried (log scale)", y_label=measure(_metric(found), found.kind.unit),
        y_scale="log" if found.kind.scale == "positive" else "linear",
    )  # fmt: skip
    caption = (
        f"Expected best of k of the points in random order, by the mean of "
        f"{counted(found.seeds, 'seed')}; one without a number counts as the worst that has one. A "
        "line that still moves at its end says that more points would find better ones."
    )
    return [Section("What more points would buy", [Picture("best_of", figure, title, caption)])]


def _best_points(found: "Found", programs: Sequence[str]) -> Table:
    shown = pd.concat([found.points(name).assign(program=name) for name in programs])
    shown = _ended(shown).sort_values("value", ascending=found.mode == "min", kind="stable")
    names = dict.fromkeys(each for name in programs for each in found.goals[name].space)
    heading = measure(_metric(found), found.kind.unit)
    rows = [
        {"program": row["program"], heading: row["value"]}
        | {each: _cell(row[each]) if pd.notna(row[each]) else None for each in names}
        for row in shown.head(SHOWN).to_dict("records")
    ]
    return table(rows, "The best points of all whose seeds ended, by the mean over the seeds.")


def _place(points: pd.DataFrame, winner: "Winner") -> int:
    same = [points[name].eq(value) for name, value in winner.hparams.items()]
    return int(np.flatnonzero(np.logical_and.reduce(same))[0])


def _scaled(found: "Found", values: pd.Series | np.ndarray) -> np.ndarray:
    """Shares as they are drawn, times 100."""
    return (100 if found.kind.scale == "share" else 1) * np.asarray(values, float)


def _metric(found: "Found") -> str:
    return label(found.metric)


def _value(found: "Found", value: float) -> str:
    unit = "" if found.kind.unit == "1" else f" {found.kind.unit}"
    return f"{cell_of(found.kind)(value)}{unit}"


def _point(winner: "Winner") -> str:
    return ", ".join(f"{name} {_cell(value)}" for name, value in winner.hparams.items())


def _cell(value: Cell) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _spread(values: pd.Series) -> str:
    """The smallest and the largest of numbers, or the different names."""
    if values.dtype.kind in "fiu":
        low, high = values.min(), values.max()
        return number(low) if low == high else f"{number(low)} … {number(high)}"
    return ", ".join(dict.fromkeys(map(str, values)))


def _tried(found: "Found") -> str:
    counts = [len(found.points(name)) for name in found.goals]
    if len(counts) == 1:
        return counted(counts[0], "point")
    return f"{counted(sum(counts), 'point')} of {counted(len(counts), 'program')}"
