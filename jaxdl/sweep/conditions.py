"""Which rows of a ledger stand: only those that the same conditions would make again."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl.sweep import ledger, store
from jaxdl.sweep.compilation import identity
from jaxdl.sweep.explain import reason
from jaxdl.sweep.fingerprint import WARNED, differences, recall
from jaxdl.sweep.run import Data, Run

SUPERSEDED = "superseded.jsonl"


class ForeignRows(ValueError):
    """The workdir holds rows that were made under other conditions."""


def settle(
    workdir: Path,
    runs: Mapping[str, Run],
    columns: Mapping[str, Mapping[str, np.ndarray]],
    facts: Mapping[str, Mapping[str, Any]],
    data: Data,
    rerun: bool,
) -> tuple[set[str], dict[str, str]]:
    """The trials (ids) of these programs that have a row that stands, and the codes looked at.

    columns, facts: the hyperparameters and conditions of each program. All rows of a program are
    compared, those of trials not asked for too. Rows that failed are dropped: what failed may have
    been repaired. `rerun`: rows of other conditions are moved out of the ledger instead of refused.
    Raises ForeignRows, and changes nothing then.
    """
    path = workdir / store.LEDGER
    rows, known = ledger.read(path), recall(workdir)
    foreign: list[dict[str, Any]] = []
    codes: dict[str, str] = {}
    for name, run in runs.items():
        mine = [row for row in rows if row["program"] == name and row["status"] != "error"]
        if mine:
            codes[name] = _code(path, name, run, columns[name], data)
        for made in dict.fromkeys(row["fingerprint"] for row in mine):
            theirs = [row for row in mine if row["fingerprint"] == made]
            now = {**facts[name], "code": codes[name]}
            differing = differences(known.get(made), now)
            if differing and not rerun:
                raise ForeignRows(_refusal(path, name, theirs, differing))
            foreign += theirs if differing else []
            if not differing and (soft := differences(known[made], now, WARNED)):
                warnings.warn(
                    f"{path}: bits of {len(theirs)} rows of {name} may differ from those to come: "
                    f"{'; '.join(soft)}",
                    stacklevel=2,
                )
    gone = {row["trial"] for row in foreign}
    if foreign:
        store.gather_curves(workdir, [], without=gone)
        ledger.append(workdir / SUPERSEDED, foreign)
    if gone or any(row["status"] == "error" for row in rows):
        ledger.drop(path, lambda row: row["trial"] in gone or row["status"] == "error")
    done = {row["trial"] for row in rows if row["status"] != "error"} - gone
    return done, codes


def _code(path: Path, name: str, run: Run, hparams: Mapping[str, np.ndarray], data: Data) -> str:
    """The identity of a program that has rows; ForeignRows where it cannot be told."""
    try:
        return identity(run, hparams, data)
    except Exception as error:
        raise ForeignRows(
            f"{path} has rows of {name}, which cannot be compared with a program that fails: "
            f"{reason(error, run, hparams, data)}; use another workdir"
        ) from error


def _refusal(path: Path, name: str, rows: Sequence[Any], differing: Sequence[str]) -> str:
    made = f"{path}: {len(rows)} rows of {name} were made under other conditions"
    remedy = "use another workdir, or let them run anew (execute's rerun_changed=True; in a launch "
    remedy += "--allow_config_change)"
    return f"{made}: {'; '.join(differing)}; {remedy}"
