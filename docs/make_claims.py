"""Writes claims.md, the ledger of the notes' sentences, from claims.toml and verdicts/."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
PAGE = FOLDER / "claims.md"
WIDTH = 25
NOT_MEASURED = "not measured"
ORDER = ("holds", "depends", "inconclusive", "fails", NOT_MEASURED)
SWAPPED = {"holds": "fails", "fails": "holds"}
HEAD = """# What the notes say, and what was measured

Each sentence of the study notes that can be tested, in our words, with the verdict of the claims
that measure it. A claim has its threshold before the run. It *holds* where its 95 % interval lies
beyond the threshold, *fails* where it lies on the other side, is *inconclusive* where it lies
across, and *depends* where named conditions disagree. A sentence has the verdict that all its
claims share, depends where some hold and some fail, and is inconclusive otherwise; one condition
under which a claim that speaks against it holds is enough to fail it. Small plots: `│` the
threshold, `●` the estimate, `─` its interval; of a claim under several conditions all of the
estimates, and from where to where their intervals reach. The last column names the sentence's
system in [the curriculum](curriculum.md), and the experiment of a claim, whose head says what is
measured and how. Where intervals lay across the threshold, some experiments were given more seeds,
as many as the spread called for, once, and run anew as a whole.
`python docs/make_claims.py` writes this page.
"""


class Sentence(NamedTuple):
    """A sentence of the notes and the claims that measure it, each under all its conditions."""

    number: int
    group: str
    row: str
    text: str
    why: str
    measured: list[tuple[str, list[dict[str, Any]], bool]]

    @property
    def verdict(self) -> str:
        """What all claims say together; one condition is enough to speak against a sentence."""
        found: set[str] = set()
        for _, family, against in self.measured:
            own = {claim["verdict"] for claim in family}
            if against:
                own = {"fails"} if "holds" in own else {SWAPPED.get(v, v) for v in own}
            found |= own
        if not found:
            return NOT_MEASURED
        if len(found) == 1:
            return found.pop()
        return "depends" if {"holds", "fails"} <= found or "depends" in found else "inconclusive"


def sentences() -> list[Sentence]:
    """All sentences of claims.toml; ValueError where one names a claim that no verdict has."""
    verdicts = {path.stem: _claims(path) for path in sorted((FOLDER / "verdicts").glob("*.json"))}
    return [
        Sentence(
            int(number), group, entry["row"], entry["text"], entry.get("why", ""),
            [*_named(entry.get("claims", ()), verdicts, False),
             *_named(entry.get("against", ()), verdicts, True)],
        )
        for group, entries in tomllib.loads((FOLDER / "claims.toml").read_text()).items()
        for number, entry in entries.items()
    ]  # fmt: skip


def _claims(path: Path) -> list[dict[str, Any]]:
    kept = json.loads(path.read_text())
    facts = {name: kept[name] for name in ("seeds", "date", "device") if name in kept}
    return [claim | facts for claim in kept["claims"]]


def _named(
    names: Sequence[str], verdicts: dict[str, list[dict[str, Any]]], against: bool
) -> Iterator[tuple[str, list[dict[str, Any]], bool]]:
    for name in names:
        experiment, _, text = name.partition(": ")
        found = [c for c in verdicts.get(experiment, ()) if fnmatchcase(c["claim"], f"{text}*")]
        if not found:
            raise ValueError(f"claims.toml: no verdict of {experiment} has a claim {text!r}")
        # Another claim may begin with the whole text of this one.
        whole = min((_whole(claim) for claim in found), key=len)
        family = [claim for claim in found if "*" in text or _whole(claim) == whole]
        yield name, family, against


def _whole(claim: dict[str, Any]) -> str:
    """The text of a claim without its condition, in brackets at its end."""
    return re.sub(r" \([^()]*\)$", "", claim["claim"])


def page() -> str:
    """The text of claims.md."""
    found = sentences()
    counts = Counter(sentence.verdict for sentence in found)
    lines = [HEAD, "| verdict | sentences |", "| --- | ---: |"]
    lines += [f"| {verdict} | {counts[verdict]} |" for verdict in ORDER]
    wrong = [sentence for sentence in found if sentence.verdict == "fails"]
    lines += ["", "## Judged wrong", ""]
    lines += [f"* **{s.number}. {s.text}** {s.why or _shortest(s)}" for s in wrong]
    for group in dict.fromkeys(sentence.group for sentence in found):
        lines += ["", f"## {group}", "", *_table([s for s in found if s.group == group])]
    return "\n".join(lines) + "\n"


def _shortest(sentence: Sentence) -> str:
    """What was found instead, in numbers."""
    (_, (claim, *_), _), *_ = sentence.measured
    unit = "" if claim["unit"] == "1" else f" {claim['unit']}"
    asked = f"{_number(claim['threshold'])}{unit}"
    return f"{claim['claim']}: {claim['quantity']} {_effect([claim])}, against {asked}."


def _table(found: Sequence[Sentence]) -> Iterator[str]:
    yield "| sentence or claim | effect | threshold | | verdict | seeds, date, machine | from |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for sentence in found:
        why = f" {sentence.why}" if sentence.why else ""
        title = f"**{sentence.number}. {sentence.text}**{why}"
        yield f"| {title} | | | | **{sentence.verdict}** | | {sentence.row} |"
        for name, family, against in sentence.measured:
            yield _claim(name, family, against)


def _claim(name: str, family: Sequence[dict[str, Any]], against: bool) -> str:
    experiment = name.partition(": ")[0]
    text = family[0]["claim"] if len(family) == 1 else _whole(family[0])
    counts = Counter(claim["verdict"] for claim in family)
    verdict = next(iter(counts)) if len(family) == 1 else _counted(counts)
    first = family[0]
    run = ", ".join(
        str(first[fact]) for fact in ("seeds", "date", "device") if first.get(fact) is not None
    )
    speaks = " (speaks against it)" if against else ""
    limits = sorted({claim["threshold"] for claim in family})
    asked = " … ".join(dict.fromkeys(map(_number, (limits[0], limits[-1]))))
    cells = [
        f"{text}{speaks}: {first['quantity']}".replace("|", "\\|"),
        _effect(family), asked, f"`{_plot(family)}`", verdict, run,
        f"`experiments/{experiment}.py`",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{verdict} × {counts[verdict]}" for verdict in ORDER if counts[verdict])


def _effect(family: Sequence[dict[str, Any]]) -> str:
    """Estimate and interval; of several conditions from where to where each of both reaches."""
    unit = "" if family[0]["unit"] == "1" else f" {family[0]['unit']}"
    measured = [claim["measured"] for claim in family if claim["measured"] is not None]
    if not measured:
        return "–"
    if len(family) > 1:
        ends = dict.fromkeys([_number(min(measured)), _number(max(measured))])
        low, high = map(_number, _reach(family))
        return f"{' … '.join(ends)} ({low} … {high}){unit}"
    low, high = map(_number, _reach(family))
    return f"{_number(measured[0])} ({low} … {high}){unit}"


def _reach(family: Sequence[dict[str, Any]]) -> tuple[float | None, float | None]:
    """The lowest and the highest end of the intervals; None where one of them has no end."""
    lows, highs = zip(*(claim["interval"] for claim in family), strict=True)
    return None if None in lows else min(lows), None if None in highs else max(highs)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}".replace("-", "−")


def _plot(family: Sequence[dict[str, Any]]) -> str:
    limits = [limit for limit in _reach(family) if limit is not None]
    dots = [claim["measured"] for claim in family if claim["measured"] is not None]
    thresholds = [claim["threshold"] for claim in family]
    low, high = min([*limits, *dots, *thresholds]), max([*limits, *dots, *thresholds])

    def place(value: float) -> int:
        return round((value - low) / (high - low or 1.0) * (WIDTH - 1))

    drawn = ["·"] * WIDTH
    if len(limits) == 2:
        begin, end = map(place, limits)
        drawn[begin : end + 1] = "─" * (end + 1 - begin)
    for mark, values in (("│", thresholds), ("●", dots)):
        for value in values:
            drawn[place(value)] = mark
    return "".join(drawn)


if __name__ == "__main__":
    PAGE.write_text(page())
