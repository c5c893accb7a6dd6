"""Spans of tokens as BIO tags (Ramshaw & Marcus 1995, https://arxiv.org/abs/cmp-lg/9505040).

A tag is `O`, or `B-` or `I-` and a type: begins, is inside. As an id, O is 0, and B and I of type k
are 2k + 1 and 2k + 2.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """Tokens start … stop − 1, of a type."""

    type: str
    start: int
    stop: int


def labels(types: Sequence[str]) -> tuple[str, ...]:
    """The tags of these types in the order of their ids, 2K + 1 of them."""
    return ("O", *(f"{prefix}-{name}" for name in types for prefix in "BI"))


def tags(spans: Iterable[Span], length: int) -> list[str]:
    """The tags of `length` tokens with these spans, which do not overlap."""
    found = ["O"] * length
    for name, start, stop in spans:
        found[start:stop] = [f"B-{name}"] + [f"I-{name}"] * (stop - start - 1)
    return found


def bracketed(words: Sequence[str], spans: Iterable[Span]) -> str:
    """The words with their spans, in order and apart, in brackets: `see [numpy sum]/REF`."""
    pieces: list[str] = []
    end = 0
    for name, start, stop in spans:
        pieces += [*words[end:start], f"[{' '.join(words[start:stop])}]/{name}"]
        end = stop
    return " ".join([*pieces, *words[end:]])
