"""word2vec by gensim, whose inner loops are compiled: the same sentences, words and settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jaxdl import _cpu
from jaxdl.word_vectors.huffman import Tree

if TYPE_CHECKING:
    from gensim.models import Word2Vec


class Trained(NamedTuple):
    """Word vectors `[V, D]` and its tree's ways, or None, by words asked for; the output vectors.

    Output vectors are of the words in their order, or of the tree's inner nodes.
    """

    input: np.ndarray
    output: np.ndarray
    tree: Tree | None


def model(counts: dict[str, int], sentences: int, epochs: int, **settings: int) -> "Word2Vec":
    """An untrained model of words that occur `counts` times, with a worker on each core.

    Raises ImportError without gensim.
    """
    from gensim.models import Word2Vec

    found = Word2Vec(min_count=1, workers=_cpu.count(), epochs=epochs, seed=1, **settings)
    found.build_vocab_from_freq(counts, corpus_count=sentences)
    return found


def train(model: "Word2Vec", sentences: Sequence[list[str]]) -> None:
    """All epochs of the model."""
    model.train(sentences, total_examples=len(sentences), epochs=model.epochs)


def trained(model: "Word2Vec", words: Sequence[str]) -> Trained:
    """The tables of a model that was trained with negative sampling or with a tree."""
    places = [model.wv.key_to_index[word] for word in words]
    vectors = model.wv.vectors[places]
    if not model.hs:
        return Trained(vectors, model.syn1neg[places], None)
    return Trained(vectors, model.syn1, _tree(model, words))


def _tree(model: "Word2Vec", words: Sequence[str]) -> Tree:
    """Its points are inner nodes from the root on; its code is 0 to the left, where ours is 1."""
    points = [model.wv.get_vecattr(word, "point") for word in words]
    codes = [model.wv.get_vecattr(word, "code") for word in words]
    nodes = np.zeros((len(words), max(map(len, codes))), np.int32)
    signs = np.zeros(nodes.shape, np.float32)
    for row, (point, code) in enumerate(zip(points, codes, strict=True)):
        nodes[row, : len(code)] = point[: len(code)]
        signs[row, : len(code)] = 1 - 2.0 * np.asarray(code)
    return Tree(nodes, signs)
