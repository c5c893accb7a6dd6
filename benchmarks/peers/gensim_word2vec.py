"""word2vec by gensim, whose inner loops are compiled: the same sentences, words and settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from gensim.models import Word2Vec

WORKERS = 2


class Trained(NamedTuple):
    """Word vectors and output vectors `[V, D]`, in the order of the words asked for."""

    input: np.ndarray
    output: np.ndarray


def model(counts: dict[str, int], sentences: int, epochs: int, **settings: int) -> "Word2Vec":
    """An untrained model of words that occur `counts` times. Raises ImportError without gensim."""
    from gensim.models import Word2Vec

    found = Word2Vec(min_count=1, workers=WORKERS, epochs=epochs, seed=1, **settings)
    found.build_vocab_from_freq(counts, corpus_count=sentences)
    return found


def train(model: "Word2Vec", sentences: Sequence[list[str]]) -> None:
    """All epochs of the model."""
    model.train(sentences, total_examples=len(sentences), epochs=model.epochs)


def trained(model: "Word2Vec", words: Sequence[str]) -> Trained:
    """The tables of a model that was trained with negative sampling."""
    places = [model.wv.key_to_index[word] for word in words]
    return Trained(model.wv.vectors[places], model.syn1neg[places])
