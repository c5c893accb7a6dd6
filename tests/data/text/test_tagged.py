import numpy as np
import pytest

from jaxdl.data.errors import DataError
from jaxdl.data.sources.markup import Sentence
from jaxdl.data.text import tagged, vocabulary
from jaxdl.data.text.vocabulary import UNKNOWN

WORDS, LETTERS = vocabulary.build(["the", "axis"]), vocabulary.build("aeht")
SENTENCE = Sentence(["the", "axes", "a"], ["O", "B-Y", "I-Y"])


def test_ids_of_words_characters_and_tags_by_hand():
    found = tagged.encode([SENTENCE, Sentence(["a"], ["B-X"])], WORDS, LETTERS, ("X", "Y"), 4, 3)
    a, e, h, t = 4, 5, 6, 7
    np.testing.assert_array_equal(found["words"], [[5, UNKNOWN, UNKNOWN, 0], [UNKNOWN, 0, 0, 0]])
    np.testing.assert_array_equal(found["y"], [[0, 3, 4, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(
        found["characters"][0], [[t, h, e], [a, UNKNOWN, e], [a, 0, 0], [0, 0, 0]]
    )
    assert not found["characters"][1, 1:].any()


def test_what_does_not_fit_is_named():
    with pytest.raises(DataError, match="row 0 has length 3, more than 2"):
        tagged.encode([SENTENCE], WORDS, LETTERS, ("X", "Y"), 2, 3)
    with pytest.raises(DataError, match="row 0: tag 'B-Y' is of none of"):
        tagged.encode([SENTENCE], WORDS, LETTERS, ("X",), 4, 3)
