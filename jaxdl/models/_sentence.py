"""One vector of a sequence, by a recurrent network: Sutskever et al. 2014, https://arxiv.org/abs/1409.3215

With words x_1 … x_T, h_t = RNN(E[x_t], h_{t−1}): the sequence is h_T, or the mean of all h_t.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.initializers import Initializer
from jaxdl.layers.embedding import Embedding
from jaxdl.types import Array, PyTree

Summary = Callable[[Any, Array, Array], Array]
"""`(carry, outputs [B, T, H], mask [B, T]) -> [B, H]`."""


def last_state(carry: PyTree, outputs: Array, mask: Array) -> Array:
    """h after the last real step; of a `Bidirectional` both, that of the way back at step 1.

    Of a `Stack` it is to be given the carry of the last layer, `carry[-1]`.
    """
    ways = carry if isinstance(carry[0], tuple) else (carry,)
    return jnp.concatenate([way[0] for way in ways], axis=-1)


def mean_state(carry: PyTree, outputs: Array, mask: Array) -> Array:
    """Mean of h over the real steps; zeros where there is none."""
    return outputs.sum(axis=1) / jnp.maximum(mask.sum(axis=1, keepdims=True), 1)


def max_state(carry: PyTree, outputs: Array, mask: Array) -> Array:
    """The largest h of each unit over the real steps; zeros where there is none."""
    real = mask[..., None] != 0
    # Not -inf: its difference to itself, where a row has no step, is NaN in a gradient.
    lowest = jnp.finfo(outputs.dtype).min
    return jnp.where(real.any(axis=1), jnp.where(real, outputs, lowest).max(axis=1), 0)


def concat_pooling(carry: PyTree, outputs: Array, mask: Array) -> Array:
    """The last state, the largest and the mean, `[B, 3 H]` (Howard & Ruder 2018, section 3.3,
    https://arxiv.org/abs/1801.06146)."""
    parts = (last_state, max_state, mean_state)
    return jnp.concatenate([part(carry, outputs, mask) for part in parts], axis=-1)


class SentenceEncoder(nn.Module):
    """Vectors of sequences of ids: `(ids [B, T]) -> [B, H]`, whatever their padding.

    vocabulary: V. features: D of the embedding. body: `(x [B, T, D], carry, mask, train=...) ->
    (carry, outputs [B, T, H])`, a `layers.recurrent.RNN` or `Bidirectional`. padding: the id of no
    word, which stands behind the last one.
    """

    vocabulary: int
    features: int
    body: nn.Module
    summary: Summary = last_state
    padding: int = 0
    embedding_init: Initializer = nn.initializers.normal(1.0)
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.embedding = Embedding(
            self.vocabulary, self.features, self.embedding_init, dtype=self.dtype
        )

    def __call__(self, ids: Array, *, train: bool) -> Array:
        mask = (ids != self.padding).astype(jnp.float32)
        carry, outputs = self.body(self.embedding(ids), None, mask, train=train)
        return self.summary(carry, outputs, mask)
