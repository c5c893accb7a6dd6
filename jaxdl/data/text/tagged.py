"""Tagged sentences as arrays: ids of the words, of the characters in them, and of the tags."""

from collections.abc import Sequence

import numpy as np

from jaxdl.data.errors import DataError
from jaxdl.data.sources.markup import Sentence
from jaxdl.data.text import bio, vocabulary
from jaxdl.data.text.bucketing import pad
from jaxdl.data.text.vocabulary import PAD, Vocabulary


def encode(
    sentences: Sequence[Sentence],
    words: Vocabulary,
    characters: Vocabulary,
    types: Sequence[str],
    length: int,
    width: int,
) -> dict[str, np.ndarray]:
    """N sentences as int32 arrays, `PAD` behind their ends; the tag of what is no word is 0, O.

    words: `[N, length]`; characters: `[N, length, width]`, the first `width` of each word;
    y: `[N, length]`, places in `bio.labels(types)`.
    Raises DataError naming the row of a sentence that is empty or longer than `length`, or that
    has a tag of another type.
    """
    ids = {label: place for place, label in enumerate(bio.labels(types))}
    for row, sentence in enumerate(sentences):
        if strange := sorted(set(sentence.tags) - set(ids)):
            raise DataError(f"row {row}: tag {strange[0]!r} is of none of the types {types}")
    x = pad([vocabulary.encode(words, sentence.words) for sentence in sentences], length)["x"]
    y = pad([np.array([ids[tag] for tag in sentence.tags]) for sentence in sentences], length)["x"]
    spelled = np.full((*x.shape, width), PAD, np.int32)
    for row, sentence in enumerate(sentences):
        for place, word in enumerate(sentence.words):
            of_word = vocabulary.encode(characters, word[:width])
            spelled[row, place, : len(of_word)] = of_word
    return {"words": x, "characters": spelled, "y": y}
