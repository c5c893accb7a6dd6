"""Precision, recall and F1 of spans, counted as conlleval does (Tjong Kim Sang & Buchholz 2000,
https://arxiv.org/abs/cs/0009008). A span counts if its type and both its ends are right.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.text.bio import Span, labels
from jaxdl.types import Array


class Score(NamedTuple):
    """Shares in 0 … 1; 0 where nothing is predicted, or nothing is there."""

    precision: float
    recall: float
    f1: float


def lenient(tags: Sequence[str]) -> list[Span]:
    """The spans of any tags by conlleval's rules: an I that continues nothing begins a span.

    seqeval's default. Raises ValueError for what is no BIO tag.
    """
    return _spans(tags, lambda prefix: True)


def strict(tags: Sequence[str]) -> list[Span]:
    """The spans that a B begins; an I that continues none is in none (seqeval's strict IOB2).

    Raises ValueError for what is no BIO tag.
    """
    return _spans(tags, lambda prefix: prefix == "B")


def score(predicted: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]]) -> Score:
    """Precision, recall and F1 over all spans of N sequences (micro averages).

    Raises ValueError if there are not as many sequences of either.
    """
    pairs = list(zip(predicted, true, strict=True))
    correct = sum(len(set(ours) & set(theirs)) for ours, theirs in pairs)
    found, there = (sum(map(len, spans)) for spans in (predicted, true))
    return Score(_share(correct, found), _share(correct, there), _share(2 * correct, found + there))


def score_of_type(
    predicted: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]], name: str
) -> Score:
    """The `score` of the spans of one type."""
    parts = (
        [[one for one in row if one.type == name] for row in rows] for rows in (predicted, true)
    )
    return score(*parts)


def read(ids: np.ndarray, real: np.ndarray, types: Sequence[str]) -> list[list[Span]]:
    """The spans of N sequences by `lenient`, from ids of tags `[N, T]`, of real tokens `[N, T]`."""
    names = labels(types)
    return [
        lenient([names[tag] for tag in row[there]]) for row, there in zip(ids, real, strict=True)
    ]


def matches(predicted: Array, true: Array, mask: Array) -> tuple[Array, Array, Array]:
    """How many spans are right, predicted and there, three scalars, from ids `[B, T]`.

    Leniently, as `lenient`; what the mask `[B, T]` has 0 for is no token, and ends a span, as does
    an id that is no tag, such as −1.
    F1 is 2·right / (predicted + there), a pair that adds over batches.
    """
    ours, theirs = (
        _bounds(jnp.where(mask > 0, jnp.asarray(ids, jnp.int32), 0)) for ids in (predicted, true)
    )
    both = ours[0] & theirs[0] & (ours[1] == theirs[1]) & (ours[2] == theirs[2])
    right, found, there = (starts.sum().astype(float) for starts in (both, ours[0], theirs[0]))
    return right, found, there


def _spans(tags: Sequence[str], begins: Callable[[str], bool]) -> list[Span]:
    found: list[Span] = []
    before = ""  # The type of the span that goes on.
    for place, tag in enumerate(tags):
        prefix, _, name = tag.partition("-")
        if tag != "O" and (prefix not in ("B", "I") or not name):
            raise ValueError(f"tag {place} is {tag!r}, neither O nor B- or I- and a type")
        if prefix == "I" and name == before:
            found[-1] = found[-1]._replace(stop=place + 1)
        elif name and begins(prefix):
            found.append(Span(name, place, place + 1))
            before = name
        else:
            before = ""
    return found


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _bounds(ids: Array) -> tuple[Array, Array, Array]:
    """Whether a span starts at each token, of which type, and where what goes on there stops."""
    kind, inside = (ids + 1) // 2, (ids > 0) & (ids % 2 == 0)
    goes_on = inside[:, 1:] & (kind[:, 1:] == kind[:, :-1])
    continues = jnp.pad(goes_on, ((0, 0), (1, 0)))
    last = jnp.pad(~goes_on, ((0, 0), (0, 1)), constant_values=True)
    places = jnp.where(last, jnp.arange(ids.shape[1])[None], ids.shape[1])
    stops = jax.lax.cummin(places, axis=1, reverse=True)
    return (ids > 0) & ~continues, kind, stops
