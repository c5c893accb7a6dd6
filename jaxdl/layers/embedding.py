"""Embeddings: a vector for each word, and one vector for the words of a window.

A lookup is the product of a one-hot row and the table. Combinations: Mikolov et al. 2013,
https://arxiv.org/abs/1301.3781 (the mean, CBOW); Bengio et al. 2003,
https://jmlr.org/papers/v3/bengio03a.html (concatenation); Goldberg 2017, section 8.2 (the others).

A combination takes vectors `[B, W, D]` of a window of W words and a mask `[B, W]`, 0 where there is
no word: what stands there, NaN too, reaches neither the value nor a gradient.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from jaxdl.initializers import Initializer
from jaxdl.numerics import cast
from jaxdl.types import Array


class Embedding(nn.Module):
    """Rows of a trained table `[V, D]`: ids `[...]`, integers in 0..V−1, to `[..., D]`.

    A pretrained table is fine-tuned with `embedding_init=pretrained(table)`. An id outside the
    table gives NaN.
    """

    vocabulary: int
    features: int
    embedding_init: Initializer = nn.initializers.normal(1.0)
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        shape = (self.vocabulary, self.features)
        self.embedding = self.param("embedding", self.embedding_init, shape)

    def __call__(self, ids: Array) -> Array:
        return cast(self.dtype, lookup(self.embedding, ids))[0]


class FrozenEmbedding(nn.Module):
    """Rows of a table `[V, D]` that stays as it is: ids `[...]` to `[..., D]`.

    The table is no parameter but model state, in the collection `frozen`, so that weight decay does
    not reach it either; its gradient is zero (`stop_gradient`).
    """

    vocabulary: int
    features: int
    embedding_init: Initializer
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, ids: Array) -> Array:
        shape = (self.vocabulary, self.features)

        def first() -> Array:
            return self.embedding_init(self.make_rng("params"), shape)

        table = self.variable("frozen", "embedding", first).value
        return cast(self.dtype, lookup(jax.lax.stop_gradient(table), ids))[0]


def pretrained(table: np.ndarray) -> Initializer:
    """Initializer that gives this table `[V, D]`; raises ValueError if another shape is asked for.

    A compiled `init` holds a copy of the table as a constant.
    """

    def init(key: Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        if np.shape(table) != tuple(shape):
            raise ValueError(f"the pretrained table is {np.shape(table)}, not {tuple(shape)}")
        return jnp.asarray(table, dtype)

    return init


def lookup(table: Array, ids: Array) -> Array:
    """Rows `[..., D]` of the table `[V, D]` at ids `[...]`; NaN for an id outside 0..V−1."""
    # Parameters that were read from disk are NumPy's.
    return (
        jnp.asarray(table).at[ids].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
    )


def concatenation(vectors: Array, mask: Array) -> Array:
    """All vectors in their order, zeros where there is no word: `[B, W, D]` to `[B, W·D]`."""
    return _present(vectors, mask).reshape(vectors.shape[0], -1)


def total(vectors: Array, mask: Array) -> Array:
    """Σ_w v_w, `[B, W, D]` to `[B, D]`: the order of the words is forgotten."""
    return _present(vectors, mask).sum(axis=1)


def mean(vectors: Array, mask: Array) -> Array:
    """Mean over the words there are (CBOW), `[B, W, D]` to `[B, D]`; zeros where there is none."""
    return weighted_mean(vectors, mask, jnp.ones(vectors.shape[1], vectors.dtype))


def weighted_mean(vectors: Array, mask: Array, weights: Array) -> Array:
    """Σ_w a_w·v_w / Σ_w a_w over the words there are, `[B, W, D]` to `[B, D]`.

    weights: a, `[W]` by position (such as 1/distance) or `[B, W]` by word (such as tf-idf),
    non-negative; zeros come out where they add up to 0.
    """
    if weights.shape not in (mask.shape, mask.shape[1:]):
        raise ValueError(f"weights {weights.shape} fit no mask {mask.shape}")
    of_words = jnp.where(mask > 0, jnp.broadcast_to(weights, mask.shape), 0)
    weight = of_words.sum(axis=1, keepdims=True)
    summed = (_present(vectors, mask) * of_words[..., None]).sum(axis=1)
    return summed / jnp.where(weight > 0, weight, 1)


def hybrid(vectors: Array, mask: Array, near: Sequence[int]) -> Array:
    """Near words in their order, the mean of all others behind them.

    near: positions in the window, each once. `[B, W, D]` to `[B, (len(near) + 1)·D]`.
    """
    size = vectors.shape[1]
    if len(set(near)) < len(near) or not set(near) <= set(range(size)):
        raise ValueError(f"near positions {tuple(near)} are not different ones of 0..{size - 1}")
    inner = np.array(near, np.int32)
    outer = np.setdiff1d(np.arange(size), inner)
    parts = (
        concatenation(vectors[:, inner], mask[:, inner]),
        mean(vectors[:, outer], mask[:, outer]),
    )
    return jnp.concatenate(parts, axis=1)


def _present(vectors: Array, mask: Array) -> Array:
    if mask.shape != vectors.shape[:2]:
        raise ValueError(f"the mask {mask.shape} does not fit vectors {vectors.shape}")
    return jnp.where(mask[..., None] > 0, vectors, 0)
