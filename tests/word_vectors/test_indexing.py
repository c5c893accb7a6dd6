import numpy as np
import pytest

from jaxdl.data.errors import DataError
from jaxdl.word_vectors import indexing

TEXTS = ["The cat, 2 cats.\n\nThe dog sat.\n\nEnd", "A cat and the dog; don't!"]


def test_paragraphs_keep_the_words_that_occur_often():
    found = indexing.index(TEXTS, min_count=2)
    assert found.words == ["the", "cat", "dog"]
    assert found.counts.tolist() == [3, 2, 2]
    assert [ids.tolist() for ids in found.ids] == [[0, 1], [0, 2], [1, 0, 2]]
    assert found.ids[0].dtype == np.int32


def test_words_taken_out_leave_their_neighbours_adjacent():
    found = indexing.index(TEXTS, min_count=1, without=frozenset({"cat", "and"}))
    assert not {"cat", "and"} & set(found.words)
    spelled = [" ".join(found.words[i] for i in ids) for ids in found.ids]
    assert spelled == ["the cats", "the dog sat", "a the dog don't"]


def test_no_word_at_all_is_an_error():
    with pytest.raises(DataError, match="no word occurs 4 times"):
        indexing.index(TEXTS, min_count=4)
