"""Attention of a query to keys: five scores and soft weights. Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473

With a query s `[B, Q]` and keys h_n, the rows of `[B, N, K]`, score_n is
    Additive    vᵀ tanh(W s + U h_n)            Bahdanau et al. 2015
    Dot         sᵀ h_n, K = Q                   Luong et al. 2015, https://arxiv.org/abs/1508.04025
    ScaledDot   sᵀ h_n / √Q, K = Q              Vaswani et al. 2017, https://arxiv.org/abs/1706.03762
    General     sᵀ W h_n                        Luong et al. 2015
    Biaffine    sᵀ W h_n + uᵀ h_n               Dozat & Manning 2017, https://arxiv.org/abs/1611.01734
and the weights are the softmax of the scores over n.

Each is a module with `prepare(keys)`, what the keys contribute, computed once for all queries, and
`score(query, prepared) -> [B, N]`; called with both, it does one after the other. In a narrow dtype
the last sum of a score, its softmax and the mean of the values are computed in float32; scores and
weights stay in it, what is read has the dtype of the values.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.rows import by_rows
from jaxdl.numerics import narrowed, wide
from jaxdl.ops.attention import masked_softmax
from jaxdl.types import Array, PyTree

Init = Callable[..., Array]


class Score(nn.Module):
    """What all scores have in common."""

    def prepare(self, keys: Array) -> PyTree:
        """What keys `[B, N, K]` contribute; every array of it has B first."""
        raise NotImplementedError

    def score(self, query: Array, prepared: PyTree) -> Array:
        """Scores `[B, N]` of a query `[B, Q]`."""
        raise NotImplementedError

    def __call__(self, query: Array, keys: Array) -> Array:
        return self.score(query, self.prepare(keys))


class Additive(Score):
    """vᵀ tanh(W s + U h): a network of one hidden layer of `width` units."""

    width: int
    kernel_init: Init = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.of_query = nn.Dense(
            self.width, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype
        )
        self.of_keys = nn.Dense(
            self.width, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype
        )
        self.out = nn.Dense(1, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype)

    def prepare(self, keys: Array) -> Array:
        return by_rows(self.of_keys, keys)

    def score(self, query: Array, prepared: Array) -> Array:
        hidden = jnp.tanh(prepared + self.of_query(query)[:, None])
        return by_rows(self.out, hidden)[..., 0]


class Dot(Score):
    """sᵀ h. Raises ValueError unless keys have the width of the query."""

    def prepare(self, keys: Array) -> Array:
        return keys

    def score(self, query: Array, prepared: Array) -> Array:
        return _products(query, prepared)


class ScaledDot(Score):
    """sᵀ h / √Q: of unit variance where s and h are. Raises ValueError as `Dot`."""

    def prepare(self, keys: Array) -> Array:
        return keys

    def score(self, query: Array, prepared: Array) -> Array:
        return _products(query, prepared) / math.sqrt(prepared.shape[-1])


class General(Score):
    """sᵀ W h. width: Q of the queries. Raises ValueError for a query of another width."""

    width: int
    kernel_init: Init = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.bilinear = nn.Dense(
            self.width, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype
        )

    def prepare(self, keys: Array) -> Array:
        return by_rows(self.bilinear, keys)

    def score(self, query: Array, prepared: Array) -> Array:
        return _products(query, prepared)


class Biaffine(Score):
    """sᵀ W h + uᵀ h: what a key says alone, whatever is asked, counts too.

    Terms of the query alone would change no weight. width: Q of the queries. Raises ValueError for
    a query of another width.
    """

    width: int
    kernel_init: Init = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.bilinear = nn.Dense(
            self.width, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype
        )
        self.alone = nn.Dense(1, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype)

    def prepare(self, keys: Array) -> tuple[Array, Array]:
        return by_rows(self.bilinear, keys), by_rows(self.alone, keys)[..., 0]

    def score(self, query: Array, prepared: tuple[Array, Array]) -> Array:
        bilinear, alone = prepared
        return _products(query, bilinear) + alone


def attend(scores: Array, values: Array, mask: Array | None = None) -> tuple[Array, Array]:
    """The mean of the values by the softmax of the scores: context `[B, D]`, weights `[B, N]`.

    scores `[B, N]`, values `[B, N, D]`. mask `[B, N]`: where it is 0 the weight is exactly 0,
    whatever the score. Values must be finite there too. Where no n is real, weights and context
    are 0.
    """
    weights = masked_softmax(scores, mask)
    return weighted_sum(weights, values), weights


def weighted_sum(weights: Array, values: Array) -> Array:
    """Σ_n w_n v_n: weights `[B, N]` and values `[B, N, D]` to `[B, D]`, in the values' dtype."""
    return narrowed(jnp.einsum("bn,bnd->bd", *wide(weights, values)), values)


class Memory(NamedTuple):
    """What is attended to; every array has B first.

    prepared: of the score's `prepare`. values: `[B, N, D]`, which are the keys too. mask `[B, N]`;
    None: all are real.
    """

    prepared: PyTree
    values: Array
    mask: Array | None


class Soft(nn.Module):
    """The mean of the values, by the weights of a score; what a decoder calls an attention.

    An attention is a module with
        `remember(values [B, N, D], mask [B, N] or None) -> memory`, once for each batch,
        `begin(memory) -> state`, what it hands from one step to the next (here: nothing),
        `(state, query [B, Q], memory, *, train) -> (state, context [B, D], weights [B, N])`;
    every array in memory and state has B first, so that a beam search can choose among them.
    """

    score: Score

    def remember(self, values: Array, mask: Array | None) -> Memory:
        return Memory(self.score.prepare(values), values, mask)

    def begin(self, memory: Memory) -> tuple[()]:
        return ()

    def __call__(
        self, state: tuple[()], query: Array, memory: Memory, *, train: bool = False
    ) -> tuple[tuple[()], Array, Any]:
        scores = self.score.score(query, memory.prepared)
        return state, *attend(scores, memory.values, memory.mask)


def _products(query: Array, keys: Array) -> Array:
    if query.shape[-1] != keys.shape[-1]:
        raise ValueError(f"a query of {query.shape[-1]} numbers meets keys of {keys.shape[-1]}")
    return jnp.einsum("bq,bnq->bn", *wide(query, keys))
