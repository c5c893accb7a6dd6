"""Documents as paragraphs of word ids, the most frequent word first, as word vectors learn them."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from jaxdl.data.errors import DataError
from jaxdl.data.sources import documents
from jaxdl.data.text import tokenizers, vocabulary


class Indexed(NamedTuple):
    """Words, the most frequent first, their counts `[V]`, and paragraphs of ids, int32 `[T]`.

    Words that are not among them are left out: what stood on either side of one is adjacent.
    """

    words: list[str]
    counts: np.ndarray
    ids: list[np.ndarray]


def index(
    texts: Sequence[str], min_count: int = 5, without: frozenset[str] = frozenset()
) -> Indexed:
    """The paragraphs of the texts in the words that occur `min_count` times, in lower case.

    A word begins with a letter. without: words that are taken out of the texts before anything is
    counted. Equal counts stand in order of code points; paragraphs of a single word are left out.
    Raises DataError if no word occurs so often.
    """
    split = [found for text in texts for found in paragraphs(text)]
    counted = Counter(word for word in chain.from_iterable(split) if word not in without)
    words = vocabulary.frequent(counted, min_count)
    if not words:
        raise DataError(f"no word occurs {min_count} times")
    ids = [found for found in encode(split, words) if len(found) > 1]
    return Indexed(words, np.array([counted[word] for word in words]), ids)


def paragraphs(text: str) -> list[list[str]]:
    """The words of each paragraph, without numbers and marks."""
    split = (tokenizers.words(paragraph) for paragraph in documents.paragraphs(text))
    return [[word for word in words if word[0].isalpha()] for words in split]


def encode(lists: Sequence[Sequence[str]], words: Sequence[str]) -> list[np.ndarray]:
    """Ids of those words of each list that are among `words`, int32 `[T]`."""
    ids = {word: number for number, word in enumerate(words)}
    return [np.array([ids[w] for w in found if w in ids], np.int32) for found in lists]
