"""The worked examples of seqeval 1.2 (its README and the tables of its schemes), by hand."""

import jax
import numpy as np
import pytest

from jaxdl.data.text import bio
from jaxdl.data.text.bio import Span
from jaxdl.metrics import spans

TRUE = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
PREDICTED = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]

CASES = {
    "one after another": (
        ["B-X", "I-X", "B-X", "O", "B-Y"],
        [Span("X", 0, 2), Span("X", 2, 3), Span("Y", 4, 5)],
        [Span("X", 0, 2), Span("X", 2, 3), Span("Y", 4, 5)],
    ),
    "an I after O": (["O", "I-X", "I-X", "O"], [Span("X", 1, 3)], []),
    "an I first": (["I-X"], [Span("X", 0, 1)], []),
    "an I of another type": (
        ["B-X", "I-Y", "I-Y", "I-X"],
        [Span("X", 0, 1), Span("Y", 1, 3), Span("X", 3, 4)],
        [Span("X", 0, 1)],
    ),
    "to the end": (["O", "B-Y", "I-Y"], [Span("Y", 1, 3)], [Span("Y", 1, 3)]),
    "nothing": (["O", "O"], [], []),
    "no token": ([], [], []),
}


@pytest.mark.parametrize("case", CASES)
def test_spans_by_both_rules(case):
    tags, lenient, strict = CASES[case]
    assert spans.lenient(tags) == lenient
    assert spans.strict(tags) == strict


def test_the_example_of_seqeval():
    """One of two spans right; the strict and the lenient reading agree on well-formed tags."""
    for read in (spans.lenient, spans.strict):
        score = spans.score(list(map(read, PREDICTED)), list(map(read, TRUE)))
        assert score == (0.5, 0.5, 0.5)


def test_precision_and_recall_are_told_apart():
    true = [[Span("X", 0, 2), Span("Y", 3, 4), Span("X", 6, 8), Span("X", 9, 10)]]
    predicted = [[Span("X", 0, 2), Span("X", 3, 4), Span("X", 9, 10)]]
    precision, recall, f1 = spans.score(predicted, true)
    assert (precision, recall) == (2 / 3, 2 / 4)
    assert f1 == pytest.approx(2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2))
    assert spans.score([[]], true) == (0, 0, 0)
    assert spans.score(true, [[]]) == (0, 0, 0)
    with pytest.raises(ValueError, match="zip"):
        spans.score(true, [])


def test_one_right_sequence_is_no_right_span_of_another():
    span = [Span("X", 0, 1)]
    assert spans.score([span, []], [[], span]).f1 == 0


@pytest.mark.parametrize("tag", ["X", "B-", "E-X", "o", "B_X", ""])
def test_what_is_no_tag_is_named(tag):
    with pytest.raises(ValueError, match="tag 1 is "):
        spans.lenient(["O", tag])


def test_tags_are_the_inverse():
    tags = ["B-X", "I-X", "B-X", "O", "B-Y", "I-Y"]
    assert bio.tags(spans.strict(tags), len(tags)) == tags


def test_counts_on_the_device_are_those_of_the_lists():
    names = bio.labels(("X", "Y"))
    assert names == ("O", "B-X", "I-X", "B-Y", "I-Y")
    rng = np.random.default_rng(0)
    predicted = rng.integers(0, 5, (300, 9))
    true = np.where(rng.random(predicted.shape) < 0.7, predicted, rng.integers(0, 5, (300, 9)))
    lengths = rng.integers(0, 10, 300)
    mask = (np.arange(9) < lengths[:, None]).astype(np.float32)
    ours, theirs = (
        [spans.lenient([names[i] for i in row[:n]]) for row, n in zip(ids, lengths, strict=True)]
        for ids in (predicted, true)
    )
    right, found, there = jax.jit(spans.matches)(predicted, true, mask)
    expected = spans.score(ours, theirs)
    assert (int(found), int(there)) == (sum(map(len, ours)), sum(map(len, theirs)))
    assert float(right / found) == pytest.approx(expected.precision)
    assert float(2 * right / (found + there)) == pytest.approx(expected.f1)
    assert 0.2 < expected.f1 < 0.8


def test_what_is_no_tag_is_in_no_span():
    """−1, which `metrics.likeliest` gives beside a NaN, ends a span."""
    ids = np.array([[1, 2, -1, 2]], np.int8)
    right, found, there = spans.matches(ids, np.array([[1, 2, 0, 2]]), np.ones((1, 4)))
    assert (float(right), float(found), float(there)) == (2, 2, 2)


def test_spans_are_read_from_ids_of_real_tokens_and_scored_by_type():
    types = ("X", "Y")  # 1: B-X, 2: I-X, 3: B-Y, 4: I-Y
    ids = np.array([[1, 2, 3, 4], [0, 3, 1, 1]])
    real = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)
    found = spans.read(ids, real, types)
    assert found == [
        [Span("X", 0, 2), Span("Y", 2, 3)],
        [Span("Y", 1, 2), Span("X", 2, 3), Span("X", 3, 4)],
    ]
    other = [found[0], found[1][:2]]
    assert spans.score_of_type(found, other, "X") == (2 / 3, 1, 4 / 5)
    assert spans.score_of_type(found, other, "Y") == (1, 1, 1)
    assert bio.bracketed(list("abcd"), found[1]) == "a [b]/Y [c]/X [d]/X"
    assert bio.bracketed(list("ab"), []) == "a b"
