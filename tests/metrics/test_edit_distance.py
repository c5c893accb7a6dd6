"""The edit distance against its definition, and by hand."""

import functools

import jax
import numpy as np
import pytest

from jaxdl import metrics

distances = jax.jit(jax.vmap(metrics.edit_distance))


def by_definition(a, b):
    @functools.cache
    def of(i, j):
        if not i or not j:
            return i + j
        return min(of(i - 1, j) + 1, of(i, j - 1) + 1, of(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return of(len(a), len(b))


def padded(texts, length=8):
    ids = np.zeros((len(texts), length), np.int32)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = [ord(letter) for letter in text]
    return ids, np.array([len(text) for text in texts])


def test_numbers_worked_by_hand():
    pairs = [("kitten", "sitting", 3), ("", "abc", 3), ("ab", "", 2), ("", "", 0), ("ab", "ba", 2)]
    (a, n), (b, m) = padded([a for a, _, _ in pairs]), padded([b for _, b, _ in pairs])
    np.testing.assert_array_equal(distances(a, b, n, m), [edits for _, _, edits in pairs])


@pytest.mark.parametrize("letters", [2, 4])
def test_any_two_words_are_as_far_apart_as_the_definition_says_whatever_the_padding(letters):
    rng = np.random.default_rng(letters)
    a, b = rng.integers(letters, size=(2, 50, 8)).astype(np.int32)
    n, m = rng.integers(9, size=(2, 50))
    expected = [
        by_definition(tuple(x[:i]), tuple(y[:j])) for x, y, i, j in zip(a, b, n, m, strict=True)
    ]
    np.testing.assert_array_equal(distances(a, b, n, m), expected)
