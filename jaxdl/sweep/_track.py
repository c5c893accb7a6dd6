"""What a sweep found, told to a tracker: a run for each trial."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxdl._workdir import COLUMNS
from jaxdl.sweep.results import Results
from jaxdl.trackers import Identity, Row, Tracker


def track(results: Results, tracker: Tracker) -> None:
    """Tells every trial: hyperparameters, seed, status, and a row for each segment of it.

    A row has the means of training since the row before (`train/loss`), and what was measured after
    the segment (`evaluation/validation_accuracy`). Told again, it neither adds nor loses anything.
    """
    curves = results.curves()
    del curves["trial"]
    lengths, strides = _lengths(results, curves), _strides(results, curves)
    for number, ledger_row in enumerate(results.rows):
        mine = {name: values[number] for name, values in curves.items()}
        record = tracker(_identity(ledger_row, mine))
        length, stride = lengths.get(ledger_row["program"]), strides[ledger_row["program"]]
        record.write(() if length is None else _rows(ledger_row, mine, length, stride))
        record.end(ledger_row["status"])


def _identity(row: Mapping[str, Any], curves: Mapping[str, np.ndarray]) -> Identity:
    asked = {name: row[name] for name in row if name not in COLUMNS and name not in curves}
    setting = {"program": row["program"], **asked}
    # A label may repeat the program's name.
    group = " ".join(dict.fromkeys(map(str, setting.values())))
    content = hashlib.sha256(json.dumps(row, sort_keys=True).encode())
    for values in curves.values():
        content.update(values.tobytes())
    name, hparams = f"{group} seed {row['seed']}", {**setting, "seed": row["seed"]}
    return Identity(row["trial"], name, group, hparams, content.hexdigest()[:16])


def _lengths(results: Results, curves: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Steps of a segment of each program that has trained."""
    found: dict[str, int] = {}
    measured = _measured(results, curves)
    for row, segments in zip(results.rows, measured, strict=True):
        if row["status"] in ("ok", "pruned") and segments and row["steps"]:
            found.setdefault(row["program"], max(1, row["steps"] // segments))
    # Of a program whose trials have all diverged, as long as those of the longest.
    widths = [values.shape[1] for values in curves.values()]
    for row in results.rows:
        if row["status"] != "error" and row["steps"]:
            segments = max(measured, default=0)
            found.setdefault(row["program"], max(1, max(widths) // max(segments, 1)))
    return found


def _measured(results: Results, curves: Mapping[str, np.ndarray]) -> list[int]:
    """After how many segments each trial was evaluated."""
    found = np.zeros(len(results.rows), int)
    for name, values in curves.items():
        if any(name in row for row in results.rows):
            last = values.shape[1] - np.isfinite(values)[:, ::-1].argmax(axis=1)
            found = np.maximum(found, np.where(np.isfinite(values).any(axis=1), last, 0))
    return found.tolist()


def _strides(results: Results, curves: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Steps of training behind each value of a program's curves: 1, unless a run sums some up."""
    found = {row["program"]: 1 for row in results.rows}
    courses = {name: np.isfinite(values) for name, values in curves.items()}
    for number, row in enumerate(results.rows):
        mine = [finite[number] for name, finite in courses.items() if name not in row]
        if row["status"] == "ok" and any(finite.any() for finite in mine):
            values = max(
                len(finite) - int(finite[::-1].argmax()) for finite in mine if finite.any()
            )
            found[row["program"]] = max(1, round(row["steps"] / values))
    return found


def _rows(
    row: Mapping[str, Any], curves: Mapping[str, np.ndarray], length: int, stride: int
) -> Iterator[Row]:
    for number in range(-(-row["steps"] // length)):
        begin, step = number * length, min((number + 1) * length, row["steps"])
        values = {}
        for name, curve in curves.items():
            if name not in row:
                part = curve[begin // stride : -(-step // stride)]
                if len(part):
                    values[f"train/{name}"] = float(part.mean(dtype=np.float64))
            elif number < len(curve) and np.isfinite(curve[number]):
                values[f"evaluation/{name}"] = float(curve[number])
        yield step, values
