"""Which rows of a ledger stand: only those that the same conditions would make again."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl.sweep import ledger, store
from jaxdl.sweep.fingerprint import differences, recall
from jaxdl.sweep.programs import identity
from jaxdl.sweep.run import Data, Run
from jaxdl.sweep.space import Trial, trial_id

SUPERSEDED = "superseded.jsonl"


class ForeignRows(ValueError):
    """The workdir holds rows that were made under other conditions."""


def settle(
    workdir: Path,
    runs: Mapping[str, Run],
    of: Mapping[str, Sequence[Trial]],
    columns: Mapping[str, Mapping[str, np.ndarray]],
    facts: Mapping[str, Mapping[str, Any]],
    data: Data,
    rerun: bool,
) -> set[str]:
    """The trials (ids) of these programs that have a row that stands.

    of, columns, facts: the trials of each program, their hyperparameters, their conditions. Rows
    that failed are dropped: what failed may have been repaired. `rerun`: rows of other conditions
    are moved out of the ledger instead of refused. Raises ForeignRows, and changes nothing then.
    """
    path = workdir / store.LEDGER
    rows = {row["trial"]: row for row in ledger.read(path)}
    known, foreign = recall(workdir), []
    for name, run in runs.items():
        mine = [rows[i] for i in map(trial_id, of[name]) if i in rows]
        mine = [row for row in mine if row["status"] != "error"]
        if not mine:
            continue
        try:
            now = {**facts[name], "code": identity(run, columns[name], data)}
        # What cannot even be traced fails in its turn, and alone.
        except Exception:
            now = {**facts[name]}
        for made in dict.fromkeys(row["fingerprint"] for row in mine):
            theirs = [row for row in mine if row["fingerprint"] == made]
            before = known.get(made)
            differing = differences(before, {"code": (before or {}).get("code"), **now})
            if differing and not rerun:
                raise ForeignRows(_refusal(path, name, theirs, differing))
            foreign += theirs if differing else []
            if before and not differing and before["devices"] != now["devices"]:
                warnings.warn(
                    f"{path}: {len(theirs)} rows of {name} were made on {before['devices']} "
                    f"devices, the others will be on {now['devices']}: bits may differ",
                    stacklevel=2,
                )
    if foreign:
        ledger.append(workdir / SUPERSEDED, foreign)
    gone = {row["trial"] for row in foreign}
    if gone or any(row["status"] == "error" for row in rows.values()):
        ledger.drop(path, lambda row: row["trial"] in gone or row["status"] == "error")
    return {i for i, row in rows.items() if i not in gone and row["status"] != "error"}


def _refusal(path: Path, name: str, rows: Sequence[Any], differing: Sequence[str]) -> str:
    made = f"{path}: {len(rows)} rows of {name} were made under other conditions"
    remedy = "use another workdir, or have them run anew (rerun_changed, --allow_config_change)"
    return f"{made}: {'; '.join(differing)}; {remedy}"
