"""Claims with their thresholds, measurements and verdicts, and the file that keeps them."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from jaxdl import stats
from jaxdl.checkpoint import write_atomic
from jaxdl.report.tables import Table, between, measure, number

Outcome = Literal["holds", "fails", "inconclusive", "depends"]


class Claim(NamedTuple):
    """One sentence, and what was measured of it; its fields are the keys in `verdict.json`.

    row: where the claim comes from
    claim: the sentence
    quantity, unit: what is measured, and in what
    threshold: fixed before the run, in the unit
    measured: the estimate, in the unit; nan where there is none
    interval: (low, high) of the estimate, in the unit
    method: how the interval was made
    verdict: `holds`, `fails`, `inconclusive`, or `depends` where named conditions disagree
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


def judge(
    row: str,
    claim: str,
    quantity: str,
    unit: str,
    threshold: float,
    interval: stats.Interval,
    direction: stats.Direction,
) -> Claim:
    """The claim that the quantity is above (below) the threshold, judged by its interval.

    With fewer values than the interval needs it is inconclusive, and the method says so.
    """
    outcome = stats.verdict(interval, threshold, direction)
    limits, method = (interval.low, interval.high), interval.method
    if interval.n < interval.needs:
        method += f"; a claim needs {interval.needs} seeds or more, not {interval.n}"
    return Claim(row, claim, quantity, unit, threshold, interval.mean, limits, method, outcome)


def depends(claims: Sequence[Claim]) -> list[Claim]:
    """Claims of one sentence under named conditions: `depends` where some hold and some fail."""
    if {"holds", "fails"} <= {claim.verdict for claim in claims}:
        return [claim._replace(verdict="depends") for claim in claims]
    return list(claims)


def to_json(claim: Claim) -> dict[str, object]:
    """The claim as JSON types; a number that is not finite becomes None.

    ValueError for a verdict that is none of the four.
    """
    if claim.verdict not in get_args(Outcome):
        raise ValueError(f"a verdict is one of {get_args(Outcome)}, not {claim.verdict!r}")
    low, high = claim.interval
    return claim._asdict() | {
        "threshold": _finite(claim.threshold),
        "measured": _finite(claim.measured),
        "interval": [_finite(low), _finite(high)],
    }


def write_verdict(path: Path, seeds: int, seconds: float, claims: Sequence[Claim]) -> None:
    """Write `verdict.json` at once: `{"seeds", "seconds", "claims": [...]}`."""
    rows = [to_json(claim) for claim in claims]
    content = {"seeds": int(seeds), "seconds": float(seconds), "claims": rows}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(path, text + "\n")


def claims_table(claims: Sequence[Claim]) -> Table:
    """One row a claim, as it stands in `verdict.json`."""
    header = ("row", "claim", "quantity", "threshold", "measured", "interval", "method", "verdict")
    rows = tuple(
        (
            claim.row,
            claim.claim,
            measure(claim.quantity, claim.unit),
            number(claim.threshold),
            number(claim.measured),
            between(*claim.interval),
            claim.method,
            claim.verdict,
        )
        for claim in claims
    )
    caption = (
        "Each claim is judged by its own interval, not corrected for their number. An interval "
        "over seeds is for one fixed test set: how far another test set would be, it does not say."
        if claims
        else "This configuration compares nothing that a claim is about."
    )
    return Table(header, rows, frozenset({3, 4, 5}), caption)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
