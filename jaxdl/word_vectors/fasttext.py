"""Training of fastText by skip-gram: Bojanowski et al. 2017, https://arxiv.org/abs/1607.04606.

A word's vector is h_w = 1/(1 + |G_w|) (u_w + Σ_{g∈G_w} z_g), the mean over the word's own row and
those of its n-grams, as in the authors' program; h_w predicts the neighbours. Both kinds of rows
stand in one table, `input` `[V + buckets, D]`, the words first, so that `word2vec.word2vec`,
`word2vec.step` and `word2vec.epoch` train it as they train word vectors.
"""

import functools
from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.layers import embedding
from jaxdl.types import Array, PyTree
from jaxdl.word_vectors import word2vec
from jaxdl.word_vectors.ngrams import FastText
from jaxdl.word_vectors.word2vec import Method, Objective


def skip_gram(objective: Objective, ngrams: np.ndarray, mask: np.ndarray, buckets: int) -> Method:
    """Each word, by itself and its n-grams, predicts each of its neighbours.

    ngrams, mask: `[V, G]`, as `models.fasttext.ngram_ids` gives them for the V words. Sizes that
    `word2vec` asks for count words and buckets: `word2vec.vectors(key, method, V + buckets, D)`.
    As in the authors' program a row's gradient is that of h_w, not divided by the number of rows,
    so h_w moves as a word vector of `word2vec.skip_gram` does, and learning rates are the same. The
    rows begin as there, in ±1/(2D); the authors' in ±1/D.
    `predict` of `word2vec.word2vec` gives the words' own rows u_w: for h_w, and for words that were
    not seen, `models.fasttext.FastText` takes `variables`.
    """
    words = len(ngrams)
    whole = np.concatenate([np.arange(words)[:, None], ngrams + words], axis=1).astype(np.int32)
    rows = jnp.asarray(whole)
    present = jnp.asarray(np.concatenate([np.ones((words, 1)), mask], axis=1), jnp.float32)

    def select(blocks: word2vec.Blocks, key: Array) -> tuple[Array, PyTree]:
        return rows[blocks.centres], objective.select(blocks.words, key)

    def loss(inputs: Array, outputs: PyTree, blocks: word2vec.Blocks) -> Array:
        groups, centres, number, size = inputs.shape
        weights = present[blocks.centres].reshape(-1, number)
        vectors = inputs.reshape(-1, number, size)
        hidden = _undivided(embedding.mean(vectors, weights), embedding.total(vectors, weights))
        hidden = hidden.reshape(groups, centres, size)
        return objective.loss(hidden, outputs, blocks.words, blocks.near)

    return Method(
        lambda size: objective.rows(size - buckets), select, loss, lambda blocks: blocks.near.sum()
    )


def _undivided(mean: Array, total: Array) -> Array:
    """The mean, with the gradient of the sum."""
    return total - jax.lax.stop_gradient(total - mean)


def variables(params: PyTree, words: int) -> PyTree:
    """Trained tables of V words as the variables of `models.fasttext.FastText`."""
    table = params["input"]
    return {
        "params": {
            "words": {"embedding": table[:words]},
            "ngrams": {"embedding": table[words:]},
        }
    }


def reader(params: PyTree, words: int) -> Callable[[Array, Array, Array], Array]:
    """`(ids [B], ngrams [B, G], mask [B, G]) -> [B, D]`: vectors by `ngrams.FastText`.

    An id of `ngrams.UNSEEN` is its n-grams alone; see `ngram_ids`. params: as `skip_gram` trains
    them. words: V, how many of the rows of `input` are words'.
    """
    table = jnp.asarray(params["input"])
    found = variables({"input": table}, words)
    model = FastText(words, len(table) - words, table.shape[1])
    return functools.partial(cast(Callable[..., Array], model.apply), found)
