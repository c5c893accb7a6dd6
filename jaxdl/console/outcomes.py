"""What came out of two runs, program by program, with intervals over the seeds."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from jaxdl import _bests as bests
from jaxdl import report, stats, sweep
from jaxdl._errors import UserError
from jaxdl._workdir import METRICS
from jaxdl.console.watch import read_metrics
from jaxdl.report.tables import cell_of, label, measure
from jaxdl.sweep.fingerprint import recall

Compared = tuple[str, str, str, str]
"""What; there; here; the difference."""
MISSING = report.number(None)
UNVALIDATED = "two runs are compared, nothing is tuned"


class Program(NamedTuple):
    """A program's trials in one run.

    metrics: measured of them. point: what was chosen, in words. reported: a row a seed, at the
        point that other seeds chose.
    """

    trials: pd.DataFrame
    metrics: Sequence[str]
    point: str
    reported: pd.DataFrame


def compared(first: Path, second: Path) -> Iterator[Compared]:
    """Of each program: its trials, its chosen point, its metrics. Raises UserError."""
    if (first / METRICS).exists() or (second / METRICS).exists():
        yield from _of_streams(first, second)
        return
    there, here = _programs(first), _programs(second)
    for name in dict.fromkeys([*there, *here]):
        before, now = there.get(name), here.get(name)
        yield f"{name}: trials", _statuses(before), _statuses(now), ""
        if before is None or now is None:
            continue
        if before.point or now.point:
            yield f"{name}: chosen", before.point or MISSING, now.point or MISSING, ""
        for metric in _common(before.metrics, now.metrics):
            yield _of_metric(name, metric, before.reported, now.reported)


def _programs(workdir: Path) -> dict[str, Program]:
    try:
        results, known = sweep.load(workdir), recall(workdir)
    except FileNotFoundError:
        return {}
    except ValueError as error:  # of a line that is no row, or of conditions.json
        raise UserError(f"{workdir}: {error}") from None
    for number, row in enumerate(results.rows, start=1):
        if missing := [name for name in ("program", "seed", "status") if name not in row]:
            raise UserError(f"{workdir}: row {number} of the ledger has no {missing[0]}")
    if not results.rows:
        return {}
    measured = {
        row["program"]: bests.measured(row) for row in results.rows if row["status"] == "ok"
    }
    found = {}
    for name, trials in results.frame().groupby("program", sort=False):
        facts = known.get(str(trials.get("fingerprint", pd.Series([""])).iloc[-1]), {})
        asked = [column for column in facts.get("hyperparameters", ()) if column in trials]
        over = [column for column in asked if trials[column].nunique(dropna=False) > 1]
        metrics = measured.get(name, [])
        chosen = _chosen(trials.reset_index(drop=True), over, bests.headline(metrics))
        found[str(name)] = Program(trials, metrics, *chosen)
    return found


def _chosen(trials: pd.DataFrame, over: Sequence[str], metric: str) -> tuple[str, pd.DataFrame]:
    """The point that was chosen of a program, in words, and the trial that reports each seed."""
    ok = trials[trials["status"] == "ok"]
    if not over or not metric or ok.empty:
        return "", ok
    reason = UNVALIDATED if metric.startswith("test") else ""
    selection = stats.select(trials, "program", over, metric, without_validation=reason)
    chosen = stats.chosen_trials(ok, selection, ["program", *over])
    point = selection.iloc[0]
    values = (f"{label(name)} {_short(point[name])}" for name in over)
    return ", ".join(values), chosen


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _common(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Metrics of both: those on test, where there are some; else all."""
    common = [name for name in first if name in second and bests.kind(name)]
    return [name for name in common if name.startswith("test")] or common


def _statuses(program: Program | None) -> str:
    if program is None:
        return MISSING
    counts = Counter(program.trials["status"])
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def _of_metric(name: str, metric: str, first: pd.DataFrame, second: pd.DataFrame) -> Compared:
    kind = bests.kind(metric)
    assert kind is not None
    cell = cell_of(kind)
    there, here = (frame.set_index("seed")[metric].dropna() for frame in (first, second))
    what = f"{name}: {measure(label(metric), kind.unit)}"
    if there.empty or here.empty:
        return what, _mean(there, kind), _mean(here, kind), ""
    shared = there.index.intersection(here.index)
    if len(shared):
        gain = stats.paired_interval(here[shared], there[shared])
    else:
        gain = stats.unpaired_interval(here, there)
    words = f"{report.estimate(gain, cell)}, {'paired, ' if len(shared) else ''}n = {gain.n}"
    return what, _mean(there, kind), _mean(here, kind), words


def _mean(values: pd.Series, kind: stats.Kind) -> str:
    if values.empty:
        return MISSING
    return report.estimate(stats.mean_interval(values, kind.scale), cell_of(kind))


def _of_streams(first: Path, second: Path) -> Iterator[Compared]:
    """The last value of each metric: a stream is one run, without an interval."""
    there, here = _last(first), _last(second)
    for name in dict.fromkeys([*there, *here]):
        if not name.startswith(("speed/", "device/")):
            before, now = there.get(name), here.get(name)
            change = "" if before is None or now is None else report.number(now - before)
            yield name, report.number(before), report.number(now), change


def _last(workdir: Path) -> dict[str, float]:
    rows = read_metrics(workdir)
    return {name: value for row in rows for name, value in row.items() if bests.is_number(value)}
