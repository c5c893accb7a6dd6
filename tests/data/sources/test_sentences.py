import numpy as np

from jaxdl.data.sources import sentences
from jaxdl.data.text.vocabulary import END, PAD, START

TEXT = """Compute the mean, i.e. the sum
over the count. Is it finite? `True` then.

Parameters
----------
x : array
    Numbers. They are many.

>>> mean(x).

Ends without a full stop

Raises an error otherwise!"""


def test_prose_is_told_from_tables_code_and_headings():
    assert sentences.prose(TEXT) == [
        "Compute the mean, i.e. the sum over the count.",
        "Is it finite?",
        "`True` then.",
        "Raises an error otherwise!",
    ]
    assert sentences.prose("") == []


def test_neighbours_are_those_of_the_same_document():
    ids = [np.array(words) for words in ([4], [5, 6, 7], [8, 9], [10])]
    found = sentences.neighbours([ids[:2], [], ids[2:3], ids[3:]], 2)
    np.testing.assert_array_equal(found["x"], [[4, PAD], [5, 6], [8, 9], [10, PAD]])
    np.testing.assert_array_equal(found["document"], [0, 0, 2, 3])
    nobody = [PAD] * 4
    np.testing.assert_array_equal(found["previous"], [nobody, [START, 4, END, PAD], nobody, nobody])
    np.testing.assert_array_equal(found["following"], [[START, 5, 6, END], nobody, nobody, nobody])
    assert all(array.dtype == np.int32 for array in found.values())


def test_sentences_that_stand_together_are_of_one_text_alone():
    texts = ["One two three. Four five six.", "Four five six. Seven eight.", "A b c. D e f. G."]
    assert sentences.connected(texts, 3) == [
        ["One two three.", "Four five six."],
        ["A b c.", "D e f."],
    ]
