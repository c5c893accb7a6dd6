"""Claims as they are read: a verdict, a sentence, the measured number with its unit."""

import html
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TextIO

from jaxdl._text import clean
from jaxdl.report.claims import Judged, Outcome
from jaxdl.report.markdown import escaped
from jaxdl.report.tables import MISSING, number, percent

MARKS: dict[Outcome, str] = {"holds": "✓", "fails": "✗", "inconclusive": "?", "depends": "±"}
"""Beside the word, for those who do not see its colour."""
IN_A_TERMINAL: dict[Outcome, str] = {
    "holds": "bold green",
    "fails": "bold red",
    "inconclusive": "bold",
    "depends": "bold magenta",
}
KEY = (
    "A claim has its threshold before the run. It holds where the whole 95 % interval, in "
    "brackets, lies beyond the threshold, fails where it lies on the other side, is inconclusive "
    "where it lies across, and depends where it holds under some conditions and fails under others."
)
VERBS: dict[Outcome, tuple[str, str]] = {
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "inconclusive": ("is inconclusive", "are inconclusive"),
    "depends": ("depends on the condition", "depend on the condition"),
}


class Verdicts(NamedTuple):
    """Claims of a page, under their verdicts."""

    claims: Sequence[Judged]


class Family(NamedTuple):
    """A sentence and what was measured of it under each condition, the same quantity in all."""

    text: str
    claims: tuple[Judged, ...]

    @property
    def verdict(self) -> Outcome:
        """What the conditions say together."""
        found = {claim.verdict for claim in self.claims}
        if len(found) == 1:
            return found.pop()
        return "depends" if "depends" in found or {"holds", "fails"} <= found else "inconclusive"


def families(claims: Sequence[Judged]) -> list[Family]:
    """Claims by their sentence, in the order of their appearance."""
    found: dict[tuple[str, ...], list[Judged]] = {}
    for claim in claims:
        key = (claim.claim.removesuffix(f" ({claim.where})"), claim.quantity, claim.unit)
        found.setdefault(key, []).append(claim)
    return [Family(key[0], tuple(each)) for key, each in found.items()]


def headline(claims: Sequence[Judged]) -> str:
    """The one claim and its verdict; of several how many have which.

    Conditions of one sentence are one claim. Empty where there are none.
    """
    found = families(claims)
    if not found:
        return ""
    if len(found) == 1 and len(claims) == 1:
        return f"{found[0].verdict.capitalize()}: {sentence(claims[0])}."
    counts = Counter(family.verdict for family in found)
    if len(counts) == 1:
        verb = VERBS[found[0].verdict]
        if len(found) == 1:
            return f"{found[0].verdict.capitalize()}: {found[0].text}."
        return f"{'Both' if len(found) == 2 else f'All {len(found)}'} claims {verb[1]}."
    parts = [f"{n} {VERBS[verdict][n > 1]}" for verdict, n in counts.items()]
    return f"Of {len(found)} claims {', '.join(parts[:-1])} and {parts[-1]}."


def sentence(claim: Judged) -> str:
    """The claim, and what was measured of it: `It is better. Gain: 2.4 points [2.1, 2.7], …`."""
    measured = f"{_capital(claim.quantity)}: {effect(claim)}, {asked(claim)}"
    return f"{claim.claim}. {measured}{_lacking([claim])}"


def effect(claim: Judged) -> str:
    """The estimate with its unit, and its interval in brackets."""
    low, high = map(_number(claim), claim.interval)
    bounds = "" if MISSING in (low, high) else f" [{low}, {high}]"
    return f"{_with_unit(claim, claim.measured)}{bounds}"


def asked(claim: Judged) -> str:
    """Where the quantity was to be."""
    return f"to be {claim.direction} {_with_unit(claim, claim.threshold)}"


def to_html(verdicts: Verdicts) -> str:
    """A list, an entry a sentence; everything in it escaped."""
    entries = "\n".join(map(_entry, families(verdicts.claims)))
    return f'<ul class="verdicts">\n{entries}\n</ul>\n<p class="key">{html.escape(KEY)}</p>'


def to_markdown(verdicts: Verdicts) -> str:
    """The same list for Markdown."""
    lines = []
    for family in families(verdicts.claims):
        lines.append(f"* {_badge(family.verdict)} {escaped(family.text)}. {escaped(_said(family))}")
        if len(family.claims) > 1:
            lines += [
                f"  * {escaped(claim.where or claim.claim)}: {escaped(effect(claim))} "
                f"{MARKS[_alone(claim)]}"
                for claim in family.claims
            ]
    return "\n".join([*lines, "", escaped(KEY)])


def told(family: Family) -> str:
    """The sentence and what was measured, of several conditions from the least to the most."""
    if len(family.claims) == 1:
        return f"{family.text}. {_said(family)}"
    first = family.claims[0]
    known = [c.measured for c in family.claims if number(c.measured) != MISSING]
    if not known:
        return f"{family.text}. {_said(family)}"
    ends = dict.fromkeys([_number(first)(min(known)), _number(first)(max(known))])
    found = " … ".join(ends) + _unit(first)
    return (
        f"{family.text}. {_capital(first.quantity)}: {found} under {len(family.claims)} "
        f"conditions, {_goal(family)}"
    )


def show_claims(claims: Sequence[Judged], stream: TextIO | None = None) -> None:
    """Print a line for each sentence, its verdict coloured where a terminal shows colours."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream or sys.stdout, highlight=False, soft_wrap=True)
    for family in families(claims):
        badge = f"{MARKS[family.verdict]} {family.verdict}"
        style = IN_A_TERMINAL[family.verdict]
        console.print(Text.assemble((badge, style), f"  {clean(told(family))}"))


def _badge(verdict: Outcome) -> str:
    return f"{MARKS[verdict]} **{verdict}**"


def _entry(family: Family) -> str:
    verdict = family.verdict
    conditions = ""
    if len(family.claims) > 1:
        conditions = "<ul>" + "".join(map(_condition, family.claims)) + "</ul>"
    return (
        f'<li class="{verdict}"><span class="badge">{MARKS[verdict]} {verdict}</span>'
        f"<div><strong>{_text(family.text)}</strong>"
        f"<p>{_text(_said(family))}</p>{conditions}</div></li>"
    )


def _condition(claim: Judged) -> str:
    alone = _alone(claim)
    words = f"{claim.where or claim.claim}: {effect(claim)}"
    return (
        f'<li class="{alone}">{_text(words)} '
        f'<span class="mark" title="{alone}">{MARKS[alone]}</span></li>'
    )


def _said(family: Family) -> str:
    """What was measured of a sentence; of several conditions the numbers follow in a list."""
    first = family.claims[0]
    if len(family.claims) == 1:
        return f"{_capital(first.quantity)}: {effect(first)}, {_goal(family)}"
    return f"{_capital(first.quantity)}, {_goal(family)}"


def _goal(family: Family) -> str:
    first = family.claims[0]
    one = len({claim.threshold for claim in family.claims}) == 1
    goal = asked(first) if one else f"to be {first.direction} the threshold of each"
    return goal + _lacking(family.claims)


def _lacking(claims: Sequence[Judged]) -> str:
    """Why nothing can be said, each reason once."""
    return "".join(f"; {words}" for words in dict.fromkeys(c.lacking for c in claims) if words)


def _alone(claim: Judged) -> Outcome:
    """What a claim that is part of a `depends` says under its own condition."""
    low, high = claim.interval
    if claim.verdict != "depends":
        return claim.verdict
    above, below = low > claim.threshold, high < claim.threshold
    if claim.direction == "below":
        above, below = below, above
    return "holds" if above else "fails" if below else "inconclusive"


def _number(claim: Judged) -> Callable[[float], str]:
    return percent if claim.shown else number


def _with_unit(claim: Judged, value: float) -> str:
    return _number(claim)(value) + _unit(claim)


def _unit(claim: Judged) -> str:
    unit = claim.shown or claim.unit
    return "" if unit == "1" else f" {unit}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(text: str) -> str:
    return html.escape(clean(text))
