from jaxdl.data.sources import sections
from jaxdl.data.sources.sections import Placed

DOCUMENT = """Sum of `a` over an axis.

Parameters
----------
a : array_like
    Numbers to ``sum``.
axis : int
    If None, all of them
    are added.

Returns
-------
total : ndarray
    The sum.

See Also
--------
mean : The mean of it.

Examples
--------
Add two numbers:

>>> sum([1, 2]).
"""


def placed(text, section):
    return Placed(tuple(text.split()), section)


def test_sentences_of_a_docstring_by_hand():
    assert sections.sentences(DOCUMENT) == [
        placed("Sum of a over an axis .", "Description"),
        placed("Numbers to sum .", "Parameters"),
        placed("If None , all of them are added .", "Parameters"),
        placed("The sum .", "Returns"),
        placed("Add two numbers :", "Examples"),
    ]


def test_a_document_without_headings_says_nothing():
    assert sections.sentences("Sum of it.\n\nReturns\n    The sum.") == []


def test_no_sentence_is_in_two_lists_nor_twice_in_one():
    other = "Sum.\n\nNotes\n-----\nThe sum. Slow.\n"
    first, second = sections.split([[DOCUMENT, DOCUMENT], [other, other]])
    assert len(first) == 5
    assert second == [placed("Sum .", "Description"), placed("Slow .", "Notes")]
