"""Which words stand in the same documents, and which near each other.

Church & Hanks 1990, https://aclanthology.org/J90-1003:

lift(a, b) = P(a, b) / (P(a)·P(b)), shares of documents with both words and with each; its logarithm
is their pointwise mutual information.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxdl.data.text.vocabulary import check_ids
from jaxdl.word_vectors import indexing

if TYPE_CHECKING:
    from scipy import sparse


def lifts_in(texts: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """The `lifts` of these words, each a text a document."""
    split = [[word for part in indexing.paragraphs(text) for word in part] for text in texts]
    return lifts(indexing.encode(split, words), len(words))


def lifts(documents: Sequence[np.ndarray], size: int) -> np.ndarray:
    """How many times more often than by chance two words are in one document, float32 `[V, V]`.

    documents: ids `[T]` of the words of each; how often a word occurs in one does not matter. 0 for
    a word that is in none. Raises DataError naming the first id outside 0..size − 1.
    """
    from scipy import sparse

    distinct = [np.unique(np.asarray(ids)) for ids in documents]
    for number, ids in enumerate(distinct):
        check_ids(f"document {number}", ids, size)
    rows = np.repeat(np.arange(len(distinct)), list(map(len, distinct)))
    columns = np.concatenate([np.zeros(0, np.int32), *distinct]).astype(np.int32)
    there = sparse.csr_matrix(
        (np.ones(len(rows), np.int32), (rows, columns)), (len(distinct), size)
    )
    together = (there.T @ there).toarray()
    alone = together.diagonal()
    expected = alone[:, None] * (alone[None] / max(len(distinct), 1))
    lift = np.zeros(together.shape, np.float32)
    return np.divide(together, expected, out=lift, where=expected > 0, casting="same_kind")


def near(sentences: Sequence[np.ndarray], size: int, window: int = 10) -> "sparse.csr_array":
    """How often two words stand near each other, float64 `[V, V]`, symmetric.

    Each occurrence of two words d ≤ `window` places apart in a sentence of ids `[T]` counts 1/d, in
    both orders (Pennington et al. 2014). Raises DataError naming the first id outside 0..size − 1.
    """
    from scipy import sparse

    for number, ids in enumerate(sentences):
        check_ids(f"sentence {number}", ids, size)
    words = np.concatenate([np.zeros(0, np.int64), *sentences]).astype(np.int64)
    of = np.repeat(np.arange(len(sentences)), list(map(len, sentences)))
    total = sparse.csr_array((size, size))
    for distance in range(1, window + 1):
        together = of[distance:] == of[:-distance]
        before, after = words[:-distance][together], words[distance:][together]
        shares = np.full(len(before), 1 / distance)
        # Pairs that are there twice are added up.
        total += sparse.csr_array((shares, (before, after)), (size, size))
    return sparse.csr_array(total + total.T)
