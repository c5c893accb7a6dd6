"""`jaxdl list`: the runs below a folder, the newest first."""

import json
import os
import time
from pathlib import Path

from jaxdl import _bests as bests
from jaxdl._errors import UserError
from jaxdl._text import clean, significant
from jaxdl.console import runs
from jaxdl.console.runs import Run

UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def run(folder: Path, as_json: bool = False) -> int:
    """Prints a line a run; 0. Raises UserError where there is no folder, or no run below
    it, and OSError for a folder that cannot be read."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder")
    os.listdir(folder)  # what is not ours to read holds not nothing
    found = sorted(runs.below(folder), key=lambda run: (-run.touched, run.workdir))
    if as_json:
        print(json.dumps([run._asdict() for run in found], indent=1))
        return 0
    if not found:
        raise UserError(f"there is no run in {folder}, nor below it")
    now = time.time()
    rows = [("run", "status", "age", "done", "best")]
    rows += [
        (_name(run, folder), run.status, _age(now - run.touched), _done(run), _best(run))
        for run in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
    return 0


def _name(run: Run, folder: Path) -> str:
    if run.workdir == str(folder):
        return "."
    return clean(str(Path(run.workdir).relative_to(folder)).replace("\n", "\0"))


def _age(seconds: float) -> str:
    unit, size = next((each for each in UNITS if seconds >= each[1]), UNITS[-1])
    return f"{max(0, int(seconds / size))} {unit}"


def _done(run: Run) -> str:
    # Trials that are planned count those that run once more for a report, which have no row.
    planned = None if run.status == runs.DONE else run.planned
    return f"{run.done:,}{'' if planned is None else f'/{planned:,}'} {run.unit}"


def _best(run: Run) -> str:
    kind = bests.kind(run.metric)
    if run.best is None or kind is None:
        return "–"
    name = clean(run.metric.replace("_", " "))
    if kind.scale == "share":
        return f"{name} {100 * run.best:.1f} %"
    return f"{name} {significant(run.best)}{'' if kind.unit == '1' else f' {kind.unit}'}"
