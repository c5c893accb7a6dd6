import numpy as np
import pytest

from jaxdl.data.errors import DataError
from jaxdl.word_vectors import cooccurrence


def test_lifts_by_hand():
    """Word 0 is in 3 documents of 4, word 1 in 2, both in 2; words 1 and 2 never meet."""
    documents = [np.array([0, 1, 1]), np.array([1, 0]), np.array([0, 2]), np.array([], np.int32)]
    found = cooccurrence.lifts(documents, 4)
    assert found[0, 1] == found[1, 0] == pytest.approx((2 / 4) / (3 / 4 * 2 / 4))
    assert found[0, 2] == pytest.approx((1 / 4) / (3 / 4 * 1 / 4))
    assert found[1, 2] == 0
    assert not found[3].any()


def test_independent_words_are_together_as_often_as_by_chance():
    there = np.random.default_rng(0).random((4000, 3)) < (0.5, 0.3, 0.2)
    found = cooccurrence.lifts([np.flatnonzero(row) for row in there], 3)
    np.testing.assert_allclose(found[~np.eye(3, dtype=bool)], 1, atol=0.1)


def test_an_id_outside_the_vocabulary_is_named():
    with pytest.raises(DataError, match="document 1, position 0: id 3 is outside"):
        cooccurrence.lifts([np.array([0]), np.array([3])], 3)


def test_lifts_in_texts_are_those_of_their_words():
    found = cooccurrence.lifts_in(["One two.\n\nTwo 3", "one", "four"], ["one", "two"])
    ids = [np.array([0, 1, 1]), np.array([0]), np.array([], int)]
    np.testing.assert_array_equal(found, cooccurrence.lifts(ids, 2))


def test_near_words_by_hand_and_by_loops():
    found = cooccurrence.near([np.array([0, 1, 0]), np.array([1, 2])], 4, window=2).toarray()
    np.testing.assert_allclose(found, [[1, 2, 0, 0], [2, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    rng = np.random.default_rng(0)
    sentences = [rng.integers(5, size=size) for size in (7, 1, 0, 12)]
    expected = np.zeros((5, 5))
    for ids in sentences:
        for i, a in enumerate(ids):
            for j, b in enumerate(ids):
                if 0 < abs(i - j) <= 3:
                    expected[a, b] += 1 / abs(i - j)
    np.testing.assert_allclose(cooccurrence.near(sentences, 5, window=3).toarray(), expected)
    with pytest.raises(DataError, match="sentence 1, position 0: id 5 is outside"):
        cooccurrence.near([np.array([0]), np.array([5])], 5)
