"""Sentences of prose in their order, each with the one before and the one after it."""

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from jaxdl.data.sources.documents import paragraphs
from jaxdl.data.text import tokenizers
from jaxdl.data.text.vocabulary import END, PAD, START

T = TypeVar("T")

END_OF_SENTENCE = r"(?<=[.!?])(?<!i\.e\.)(?<!e\.g\.)(?<!cf\.)\s+"
"""The white space behind a sentence, as a pattern; what may follow it depends on the text."""

_BETWEEN = re.compile(END_OF_SENTENCE + r"(?=[A-Z`\"'(])")
_NO_PROSE = (" ", ">>>", "..", ":", "|", "+", "-", "*", "=", "#")


def prose(text: str) -> list[str]:
    """The sentences of those paragraphs of a text that are prose, each on one line.

    A paragraph is prose if it ends like a sentence and no line is indented or begins like a list, a
    table, a heading or code. A sentence ends at a full stop, an exclamation mark or a question
    mark before white space and a capital letter, a quotation mark or a bracket.
    """
    found = []
    for paragraph in paragraphs(text):
        aside = any(line.startswith(_NO_PROSE) for line in paragraph.splitlines())
        if not aside and paragraph.endswith((".", "!", "?")):
            found += _BETWEEN.split(" ".join(paragraph.split()))
    return found


def distinct(lists: Iterable[Iterable[T]], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Each list without what has the key of something before it, there or in a list before.

    So nothing of one split is in another.
    """
    seen: set[Hashable] = set()
    found: list[list[T]] = []
    for each in lists:
        kept: dict[Hashable, T] = {}
        for one in each:
            kept.setdefault(key(one), one)
        found.append([one for name, one in kept.items() if name not in seen])
        seen |= kept.keys()
    return found


def neighbours(documents: Sequence[Sequence[np.ndarray]], length: int) -> dict[str, np.ndarray]:
    """Each sentence of documents, lists of sentences of ids `[T]`, with its neighbours.

    x: int32 `[N, length]`, its first `length` ids, then `PAD`
    previous, following: int32 `[N, length + 2]`, the neighbour's first `length` ids between `START`
        and `END`, then `PAD`; all `PAD` where the document begins or ends
    document: int32 `[N]`, the number of its document
    """
    sentences = [sentence for document in documents for sentence in document]
    x = np.full((len(sentences), length), PAD, np.int32)
    framed = np.full((len(sentences) + 1, length + 2), PAD, np.int32)
    for row, sentence in enumerate(sentences):
        ids = sentence[:length]
        x[row, : len(ids)] = ids
        framed[row, : len(ids) + 2] = [START, *ids, END]
    document = np.repeat(np.arange(len(documents)), [len(each) for each in documents])
    place, nobody = np.arange(len(sentences)), len(sentences)
    goes_on = document[1:] == document[:-1]
    before = np.where(np.append(False, goes_on), place - 1, nobody)
    after = np.where(np.append(goes_on, False), place + 1, nobody)
    return {
        "x": x,
        "previous": framed[before],
        "following": framed[after],
        "document": document.astype(np.int32),
    }


def connected(texts: Iterable[str], shortest: int) -> list[list[str]]:
    """Of each text the sentences of prose, of `shortest` words or more, that no text before has.

    Texts of which less than two are left are left out: a sentence needs a neighbour.
    """
    found: list[list[str]] = []
    seen: set[str] = set()
    for text in texts:
        kept = [
            sentence
            for sentence in prose(text)
            if sentence not in seen and len(tokenizers.words(sentence)) >= shortest
        ]
        seen.update(kept)
        found += [kept] if len(kept) > 1 else []
    return found
