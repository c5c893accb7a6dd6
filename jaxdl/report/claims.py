"""Claims with their thresholds, measurements and verdicts, and the file that keeps them."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from jaxdl import stats
from jaxdl._files import write_atomic
from jaxdl.report.tables import Table, between, measure, number, percent

Outcome = Literal["holds", "fails", "inconclusive", "depends"]
SHOWN = ("%", "points")
UNWRITTEN = ("shown", "direction", "where", "lacking")
"""Fields of a judged claim that `verdict.json` does not have."""


class Judged(NamedTuple):
    """One sentence, and what was measured of it; its fields are the keys in `verdict.json`.

    row: where the claim comes from
    claim: the sentence
    quantity, unit: what is measured, and in what
    threshold: fixed before the run, in the unit
    measured: the estimate, in the unit; nan where there is none
    interval: (low, high) of the estimate, in the unit
    method: how the interval was made
    verdict: `holds`, `fails`, `inconclusive`, or `depends` where named conditions disagree
    shown: the unit of print, `%` or `points`, of a share that is a fraction here and in the file
    direction: on which side of the threshold the claim holds; not in the file
    where: the condition that ends the sentence, in brackets; not in the file
    lacking: why nothing can be said, in words, where there are too few seeds; not in the file
    """

    row: str
    claim: str
    quantity: str
    unit: str
    threshold: float
    measured: float
    interval: tuple[float, float]
    method: str
    verdict: Outcome
    shown: str = ""
    direction: stats.Direction = "above"
    where: str = ""
    lacking: str = ""


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim as it is declared before the run: what is measured, and where it must lie.

    Attributes:
        row: of the curriculum, where the claim comes from.
        text: the sentence.
        quantity: what is measured.
        above: the threshold that the quantity must be above; or else
        below: the one that it must be below. Exactly one of them is given.
        unit: of the quantity. Shares and their differences are fractions everywhere in code and in
            `verdict.json`; with the unit `%` or `points` they are printed as such.
    """

    row: str
    text: str
    quantity: str
    above: float | None = None
    below: float | None = None
    unit: str = "1"

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"a claim has one threshold, above or below: {self.text}")

    @property
    def threshold(self) -> float:
        """Where the quantity is to be beyond."""
        return float(self.above if self.below is None else self.below)  # type: ignore[arg-type]

    @property
    def direction(self) -> stats.Direction:
        """On which side of the threshold the claim holds."""
        return "above" if self.below is None else "below"

    def judge(self, interval: stats.Interval, where: str = "") -> Judged:
        """The verdict by an interval, under the condition that `where` names."""
        text = f"{self.text} ({where})" if where else self.text
        unit, shown = ("1", self.unit) if self.unit in SHOWN else (self.unit, "")
        found = judge(self.row, text, self.quantity, unit, self.threshold, interval, self.direction)
        return found._replace(shown=shown, where=where)

    def declared(self) -> str:
        """The sentence with what is measured and its threshold, in one line."""
        unit, cell = (f" {self.unit}", percent) if self.unit in SHOWN else ("", number)
        measured = measure(self.quantity, "1" if self.unit in SHOWN else self.unit)
        return f"{self.row}: {self.text}: {measured} {self.direction} {cell(self.threshold)}{unit}"

    def judge_each(self, intervals: Mapping[str, stats.Interval]) -> list[Judged]:
        """One verdict per named condition; `depends` where some hold and some fail."""
        return depends([self.judge(found, where) for where, found in intervals.items()])

    def judge_together(self, claims: "Sequence[Judged]") -> Judged:
        """What verdicts on single conditions say of all of them, with the numbers of the weakest.

        Where they are not one: `depends` if some hold and some fail, else `inconclusive`.
        """
        sign = 1 if self.direction == "above" else -1
        weakest = min(claims, key=lambda claim: sign * claim.measured)
        verdicts = {claim.verdict for claim in claims}
        mixed: Outcome = "depends" if {"holds", "fails"} <= verdicts else "inconclusive"
        return weakest._replace(
            claim=self.text,
            where="",
            quantity=self.quantity,
            verdict=verdicts.pop() if len(verdicts) == 1 else mixed,
            lacking=next((claim.lacking for claim in claims if claim.lacking), ""),
        )


def judge(
    row: str,
    claim: str,
    quantity: str,
    unit: str,
    threshold: float,
    interval: stats.Interval,
    direction: stats.Direction,
) -> Judged:
    """The claim that the quantity is above (below) the threshold, judged by its interval.

    With fewer values than the interval needs it is inconclusive, and the method says so.
    """
    outcome = stats.verdict(interval, threshold, direction)
    limits, method, lacking = (interval.low, interval.high), interval.method, ""
    if interval.n < interval.needs:
        lacking = f"a claim needs {interval.needs} seeds or more, not {interval.n}"
        method += f"; {lacking}"
    return Judged(
        row, claim, quantity, unit, threshold, interval.mean, limits, method, outcome,
        direction=direction, lacking=lacking,
    )  # fmt: skip


def depends(claims: Sequence[Judged]) -> list[Judged]:
    """Claims of one sentence under named conditions: `depends` where some hold and some fail."""
    if {"holds", "fails"} <= {claim.verdict for claim in claims}:
        return [claim._replace(verdict="depends") for claim in claims]
    return list(claims)


def to_json(claim: Judged) -> dict[str, object]:
    """The claim as JSON types; a number that is not finite becomes None.

    ValueError for a verdict that is none of the four.
    """
    if claim.verdict not in get_args(Outcome):
        raise ValueError(f"a verdict is one of {get_args(Outcome)}, not {claim.verdict!r}")
    low, high = claim.interval
    fields = {name: value for name, value in claim._asdict().items() if name not in UNWRITTEN}
    return fields | {
        "threshold": _finite(claim.threshold),
        "measured": _finite(claim.measured),
        "interval": [_finite(low), _finite(high)],
    }


def write_verdict(path: Path, seeds: int, seconds: float, claims: Sequence[Judged]) -> None:
    """Write `verdict.json` at once: `{"seeds", "seconds", "claims": [...]}`."""
    rows = [to_json(claim) for claim in claims]
    content = {"seeds": int(seeds), "seconds": float(seconds), "claims": rows}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(path, text + "\n")


def claims_table(claims: Sequence[Judged]) -> Table:
    """One row a claim, as it stands in `verdict.json`."""
    header = ("row", "claim", "quantity", "threshold", "measured", "interval", "method", "verdict")
    rows = tuple(_cells(claim) for claim in claims)
    caption = (
        "Each claim is judged by its own interval, not corrected for their number. An interval "
        "over seeds is for one fixed test set: how far another test set would be, it does not say."
        if claims
        else "This configuration compares nothing that a claim is about."
    )
    return Table(header, rows, frozenset({3, 4, 5}), caption)


def _cells(claim: Judged) -> tuple[str, ...]:
    unit, cell = (claim.shown, percent) if claim.shown else (claim.unit, number)
    return (
        claim.row,
        claim.claim,
        measure(claim.quantity, unit),
        cell(claim.threshold),
        cell(claim.measured),
        between(*claim.interval, cell),
        claim.method,
        claim.verdict,
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
