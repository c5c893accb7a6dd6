import pytest

from jaxdl.data.sources import documents, markup
from jaxdl.data.sources.markup import Sentence
from jaxdl.data.text.bio import Span

DOCUMENT = """A title with `markup`.
======================

The ``axis`` of the *array* is ``a[0]``. Nothing is marked here.
See `~numpy.ndarray.sum` and :func:`the sum <numpy.sum>`!
    Indented: :math:`x + 1` of `here <https://x.y>`_ is left.

>>> ``no prose``.
A half `sentence
"""


def test_a_document_by_hand():
    assert markup.sentences(DOCUMENT) == [
        Sentence(
            ["The", "axis", "of", "the", "array", "is", "a", "[", "0", "]", "."],
            ["O", "B-CODE", "O", "O", "B-EMPHASIS", "O", "B-CODE", *["I-CODE"] * 3, "O"],
        ),
        Sentence(
            ["See", "sum", "and", "the", "sum", "!"],
            ["O", "B-NAME", "O", "B-REFERENCE", "I-REFERENCE", "O"],
        ),
        Sentence(
            ["Indented", ":", "x", "+", "1", "of", "here", "is", "left", "."],
            ["O", "O", "B-MATH", "I-MATH", "I-MATH", "O", "O", "O", "O", "O"],
        ),
    ]


@pytest.mark.parametrize(
    ("text", "shown", "pieces"),
    [
        ("``x``s", "``x``s", []),
        ("a*b*c and 2 * 3 * 4", "a*b*c and 2 * 3 * 4", []),
        ("`a` `b`", "a b", [Span("NAME", 0, 1), Span("NAME", 2, 3)]),
        ("(:class:`.Axes`)", "(Axes)", [Span("REFERENCE", 1, 5)]),
        ("*a b* ``*args``", "a b *args", [Span("EMPHASIS", 0, 3), Span("CODE", 4, 9)]),
        ("`link`_ and `x`", "link and x", [Span("NAME", 9, 10)]),
    ],
)
def test_markup_is_taken_off_and_kept_as_spans(text, shown, pieces):
    assert markup.plain(text) == (shown, pieces)


@pytest.mark.parametrize(
    "text", ["Nothing at all.", "An open `tick and ``code``.", "**Strong** and `x`.", "no `Start`."]
)
def test_what_is_not_wholly_understood_is_left_out(text):
    assert markup.sentences(text) == []


def test_a_sentence_does_not_end_behind_an_abbreviation():
    (found,) = markup.marked_up("Use a value, e.g. `x`, as it is.")
    assert found == "Use a value, e.g. `x`, as it is."


def test_words_do_not_depend_on_the_markup():
    assert markup.words("np.sum(x) is e.g. 2.5x.") == [
        *("np.sum", "(", "x", ")", "is", "e.g", ".", "2.5x", ".")
    ]
    for sentence in markup.sentences(DOCUMENT):
        assert markup.words(" ".join(sentence.words)) == sentence.words


def test_no_sentence_is_in_two_splits():
    both, mine = "Use `x` here. Use `y` there.", "Use *x* here."
    parts = markup.split(documents.Documents([both, both], [mine, "Use `z`."], ["Use ``z``."]))
    assert [sentence.words[1] for sentence in parts.train] == ["x", "y"]
    assert [sentence.words[1] for sentence in parts.validation] == ["z"]
    assert parts.test == []
