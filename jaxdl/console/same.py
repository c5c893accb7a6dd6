"""What of two runs of the same experiment is equal, bit for bit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import checkpoint, params, report
from jaxdl._errors import UserError
from jaxdl.launch import read_best
from jaxdl.sweep import ledger, store
from jaxdl.sweep.fingerprint import differences, recall
from jaxdl.types import PyTree

CONDITIONS = frozenset({"fingerprint", "lanes", "code"})
"""Columns that say how a row was made."""


class Compared(NamedTuple):
    """What of one kind is equal: of how many, how many are, which differs first and how.

    other: how many were made under other conditions, so that their bits may differ.
    """

    what: str
    total: int
    equal: int
    other: int = 0
    first: str = ""


def check(workdir: Path) -> None:
    """Raises UserError where a run has nothing to compare with, or something of it is damaged."""
    _own_rows(workdir)
    _curves(workdir)
    if (workdir / "best").is_dir():
        read_best(workdir)


def tell(workdir: Path, to: Path) -> int:
    """Prints what of two runs is equal, bit for bit; 0 if all is, of equal conditions, 1 if not.

    Raises UserError as `check` does for the first run, and where the second is damaged.
    """
    there, here = _own_rows(workdir), _rows(to)
    conditions = _other_conditions(workdir, to, there, here)
    other = set(conditions)
    found = [_compare_rows(there, here, other), _compare_curves(workdir, to, other)]
    if (workdir / "best").is_dir():
        found.append(_compare_best(workdir, to, bool(other)))
    rows = [(c.what, str(c.total), str(c.equal), str(c.other), c.first) for c in found]
    wrong = [each for each in found if each.first]
    alike = {each: each.total - each.other for each in found}
    caption = f"Equal bit for bit in {to} and {workdir}: {_counted(alike)}."
    if other:
        apart = {each: each.other for each in found}
        caption += f" Not comparable, since made under other conditions: {_counted(apart)}."
    if other == {*there}:
        caption = f"{to} and {workdir} were made under other conditions throughout."
    if wrong:
        caption = f"{to} differs from {workdir}: {wrong[0].first}."
    for text in dict.fromkeys(conditions.values()):
        caption += f" Other conditions, so other bits are no fault: {text}."
    header = ("what", "there", "equal", "other conditions", "differs first")
    report.show(report.Table(header, tuple(rows), frozenset({1, 2, 3}), caption))
    return int(bool(wrong))


def _counted(numbers: Mapping[Compared, int]) -> str:
    """2 of 4 rows, 2 of 4 curves; without those of which there are none."""
    return ", ".join(f"{n} of {each.total} {each.what}" for each, n in numbers.items() if n)


def _own_rows(workdir: Path) -> dict[str, dict[str, Any]]:
    """Those of the first run, which must have some."""
    rows = _rows(workdir)
    if not rows:
        raise UserError(f"{workdir} holds no rows to compare with")
    return rows


def _rows(workdir: Path) -> dict[str, dict[str, Any]]:
    try:
        return {row["trial"]: row for row in store.rows(workdir)}
    except ledger.LedgerError as error:
        raise UserError(str(error)) from None


def _curves(workdir: Path) -> dict[str, np.ndarray]:
    try:
        return store.read_curves(workdir)
    except checkpoint.CheckpointError as error:
        raise UserError(str(error)) from None


def _other_conditions(
    workdir: Path, to: Path, there: Mapping[str, Any], here: Mapping[str, Any]
) -> dict[str, str]:
    """Trials whose rows have other fingerprints, each with what they differ in."""
    before, now = recall(workdir), recall(to)
    pairs = {
        name: (there[name].get("fingerprint", ""), here[name].get("fingerprint", ""))
        for name in there
        if name in here
    }
    words = {
        pair: "; ".join(_differing(before.get(pair[0]), now.get(pair[1])))
        for pair in {*pairs.values()}
        if pair[0] != pair[1]
    }
    return {name: words[pair] for name, pair in pairs.items() if pair in words}


def _differing(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> list[str]:
    if before is None or now is None:
        return ["they are not known"]
    return differences(before, now, frozenset({*before, *now}))


def _compare_rows(there: Mapping[str, Any], here: Mapping[str, Any], other: set[str]) -> Compared:
    equal, first = 0, ""
    for name, row in there.items():
        words = _differing_columns(row, here.get(name))
        equal += not words
        if words and name not in other:
            first = first or f"trial {name}: {words}"
    return Compared("rows", len(there), equal, len(other), first)


def _differing_columns(row: Mapping[str, Any], second: Mapping[str, Any] | None) -> str:
    if second is None:
        return "it has no row"
    for column in {**row, **second}:
        before, now = row.get(column), second.get(column)
        # JSON writes a float with all its digits, so equal text is equal bits.
        if column not in CONDITIONS and json.dumps(before) != json.dumps(now):
            return f"{column} is {before} there, {now} here"
    return ""


def _compare_curves(workdir: Path, to: Path, other: set[str]) -> Compared:
    there, here = _curves(workdir), _curves(to)
    place = {name: number for number, name in enumerate(here.pop("trial").tolist())}
    names = there.pop("trial").tolist()
    equal, first = 0, ""
    for number, name in enumerate(names):
        before = {curve: values[number] for curve, values in there.items()}
        now = {curve: v[place[name]] for curve, v in here.items() if name in place}
        words = _differing_values(before, now)
        equal += not words
        if words and name not in other:
            first = first or f"trial {name}: {words}"
    return Compared("curves", len(names), equal, len(other & {*names}), first)


def _differing_values(before: Mapping[str, np.ndarray], now: Mapping[str, np.ndarray]) -> str:
    """In which value the curves of a trial differ first; nan is equal to nan of the same bits."""
    for name in {**before, **now}:
        if name not in before or name not in now:
            return f"only one has a curve {name}"
        values = before[name]
        if len(values) != len(now[name]):
            return f"{name} has {len(values)} values there, {len(now[name])} here"
        if values.tobytes() != now[name].tobytes():
            step = int(np.argmax(values.view(np.uint32) != now[name].view(np.uint32)))
            return f"{name}, value {step + 1}, is {values[step]} there, {now[name][step]} here"
    return ""


def _compare_best(workdir: Path, to: Path, other: bool) -> Compared:
    there, here = (_leaves(read_best(each)[1]) for each in (workdir, to))
    differing = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    count = len({**there, **here})
    first = f"best: {differing[0]}" if differing and not other else ""
    made = count if other else 0
    return Compared("arrays of best", count, count - len(differing), made, first)


def _leaves(tree: PyTree) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Dtype, shape and bytes of every leaf, by path."""
    leaves = zip(params.paths(tree), jax.tree.leaves(tree), strict=True)
    return {path: (str(leaf.dtype), leaf.shape, leaf.tobytes()) for path, leaf in leaves}
