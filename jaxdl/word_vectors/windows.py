"""Words and their neighbours, as word2vec samples them, on the device: Mikolov et al. 2013.

https://arxiv.org/abs/1310.4546 (subsampling, noise), https://arxiv.org/abs/1301.3781 (windows). A
corpus is laid out without gaps; blocks of T consecutive words, the centres, are seen together with
the `window` words before and behind them, S = T + 2·window in all. Which of the [T, S] pairs are
neighbours is a mask, so that what a model does with them is a product of matrices.
"""

from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.errors import DataError
from jaxdl.data.text.vocabulary import check_ids
from jaxdl.types import Array

NO_SENTENCE = -1


class Corpus(NamedTuple):
    """Words `[N]` (ids) and the number of the sentence of each `[N]`; −1 is padding."""

    words: Array
    sentences: Array


class Blocks(NamedTuple):
    """M blocks of T centres: words `[M, S]`, and near `[M, T, S]`, 1 where s is a neighbour of t.

    Centre t is the word at t + (S − T)/2.
    """

    words: Array
    near: Array

    @property
    def centres(self) -> Array:
        """The words in the middle, `[M, T]`."""
        count = self.near.shape[1]
        before = (self.words.shape[1] - count) // 2
        return self.words[:, before : before + count]


def corpus(sentences: Iterable[np.ndarray], vocabulary: int) -> Corpus:
    """Sentences of ids `[T]` one after another.

    Raises DataError as `checked` does.
    """
    ids = checked(sentences, vocabulary)
    numbers = np.repeat(np.arange(len(ids), dtype=np.int32), list(map(len, ids)))
    return Corpus(jnp.asarray(np.concatenate(ids), jnp.int32), jnp.asarray(numbers))


def checked(sentences: Iterable[np.ndarray], vocabulary: int) -> list[np.ndarray]:
    """The sentences of ids `[T]`.

    Raises DataError if there is no word, or naming the first id outside 0..vocabulary − 1.
    """
    ids = [np.asarray(sentence) for sentence in sentences]
    if not sum(map(len, ids)):
        raise DataError("the corpus has no words")
    for number, sentence in enumerate(ids):
        check_ids(f"sentence {number}", sentence, vocabulary)
    return ids


def keep_probabilities(counts: np.ndarray, threshold: float = 1e-3) -> np.ndarray:
    """Chance `[V]`, float32, that an occurrence of each word is kept: frequent ones are thinned.

    min(1, √(t/f) + t/f) for a word's share f of the corpus and the threshold t: the formula of the
    authors' program, which the paper gives as √(t/f). counts `[V]`; 1 for a word that never occurs.
    """
    counts = np.asarray(counts, np.float64)
    ratio = threshold * counts.sum() / np.maximum(counts, 1)
    return np.minimum(1, np.sqrt(ratio) + ratio).astype(np.float32)


def noise_probabilities(counts: np.ndarray, power: float = 0.75) -> np.ndarray:
    """Noise distribution `[V]`, float32, ∝ counts^power; a word that never occurs has none.

    Raises DataError if no word occurs.
    """
    weights = np.asarray(counts, np.float64) ** power * (np.asarray(counts) > 0)
    if not weights.sum() > 0:
        raise DataError("noise is drawn from words that occur, and none does")
    return (weights / weights.sum()).astype(np.float32)


def subsample(key: Array, corpus: Corpus, keep: Array, size: int) -> Corpus:
    """The words that are kept, each with its chance keep `[V]`, moved together.

    Neighbours of a word that is dropped become neighbours, as in the authors' program. The result
    has `size` words: padded, or cut where more are kept (`kept_at_most` says how many can be).
    """
    kept = jax.random.uniform(key, corpus.words.shape) < keep[corpus.words]
    (places,) = jnp.nonzero(kept, size=size, fill_value=len(corpus.words))
    words = corpus.words.at[places].get(mode="fill", fill_value=0)
    return Corpus(words, corpus.sentences.at[places].get(mode="fill", fill_value=NO_SENTENCE))


def kept_at_most(words: np.ndarray, keep: np.ndarray) -> int:
    """How many of the words `[N]` `subsample` keeps: the mean and six standard deviations."""
    chances = np.asarray(keep, np.float64)[words]
    spread = np.sqrt((chances * (1 - chances)).sum())
    return min(len(words), int(np.ceil(chances.sum() + 6 * spread)))


def padded(corpus: Corpus, window: int, size: int) -> Corpus:
    """The corpus made `size` words long, and `window` places of padding on either side of it.

    So every block that ends within the `size` words has all its places.
    """
    before_behind = (window, size - len(corpus.words) + window)
    words = jnp.pad(corpus.words, before_behind)
    return Corpus(words, jnp.pad(corpus.sentences, before_behind, constant_values=NO_SENTENCE))


def blocks(key: Array, corpus: Corpus, starts: Array, length: int, window: int) -> Blocks:
    """Blocks of `length` centres from the words at starts `[M]` on, of a `padded` corpus.

    Every centre has a radius of its own, uniform in 1..window, so that a neighbour d words away is
    one with probability 1 − (d − 1)/window. Neighbours are of the same sentence.
    """
    places = starts[:, None] + np.arange(length + 2 * window)[None]
    words, sentences = corpus.words[places], corpus.sentences[places]
    return Blocks(words, neighbours(sentences, radii(key, (len(starts), length), window), window))


def radii(key: Array, shape: tuple[int, ...], window: int) -> Array:
    """Integers uniform in 1..window, of this shape."""
    # One draw of bits each, where `randint` takes two.
    return 1 + (window * jax.random.uniform(key, shape)).astype(jnp.int32)


def neighbours(sentences: Array, radii: Array, window: int) -> Array:
    """Which words are neighbours, float32 `[M, T, S]`, from sentences `[M, S]` and radii `[M, T]`.

    1 where 0 < |s − t − window| ≤ radius of t, in the same sentence and not in padding.
    """
    length = radii.shape[1]
    places = np.arange(length + 2 * window) - window
    distance = np.abs(places - np.arange(length)[:, None])[None]
    own = sentences[:, window : window + length, None]
    within = (distance > 0) & (distance <= radii[:, :, None])
    return (within & (sentences[:, None] == own) & (own != NO_SENTENCE)).astype(jnp.float32)
