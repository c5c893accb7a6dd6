"""Bidirectional encoders, BERT, and their heads. Devlin et al. 2019, https://arxiv.org/abs/1810.04805"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.layers.activations import gelu_exact
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.embedding import Embedding
from jaxdl.layers.norms import LayerNorm
from jaxdl.layers.rows import by_rows
from jaxdl.models._of_attention import OfAttention
from jaxdl.types import Array


class BERT(OfAttention):
    """States of all tokens: `(ids [B, T], mask [B, T], segments [B, T]) -> [B, T, D]`.

    The defaults are the paper's: post-norm, exact GELU, learned positions, ε = 1e-12.
    mask: 0 where there is no token, which nothing depends on; None: all are tokens. segments: which
    of the texts a token is of, 0..`kinds` − 1; None: 0. ValueError for a sequence longer than a
    table of positions.
    """

    activation: Callable[[Array], Array] = gelu_exact
    pre_norm: bool = False
    epsilon: float = 1e-12
    kinds: int = 2

    def setup(self) -> None:
        super().setup()
        self.segments = Embedding(self.kinds, self.width, self.kernel_init)
        self.embedding_norm = LayerNorm(epsilon=self.epsilon, dtype=self.dtype)
        self.stack = self.stack_of(self.depth)
        self.pooler = nn.Dense(self.width, kernel_init=self.kernel_init, dtype=self.dtype)

    def __call__(
        self,
        ids: Array,
        mask: Array | None = None,
        segments: Array | None = None,
        *,
        train: bool = False,
    ) -> Array:
        segments = jnp.zeros_like(ids) if segments is None else segments
        x = self.placed(self.words(ids) + self.segments(segments), None)
        x = self.drop(self.embedding_norm(x), train=train)
        return self.stack(x, metadata=self.metadata(ids.shape[1], None, mask=mask), train=train)

    def pooled(self, states: Array) -> Array:
        """tanh of a layer on the state of the first token, [CLS]: `[B, T, D]` to `[B, D]`."""
        return jnp.tanh(self.pooler(states[:, 0]))


class BERTPretraining(nn.Module):
    """Heads of the two tasks: `{"tokens": [B, T, V], "pair": [B, 2]}`, logits in float32.

    Tokens by the table of the words, transposed; whether the second text follows the first, unless
    not `next_sentence`: then there is no "pair".
    """

    body: BERT
    next_sentence: bool = True

    @nn.compact
    def __call__(
        self,
        ids: Array,
        mask: Array | None = None,
        segments: Array | None = None,
        *,
        train: bool = False,
    ) -> dict[str, Array]:
        body = self.body
        states = body(ids, mask, segments, train=train)
        transform = nn.Dense(
            body.width, kernel_init=body.kernel_init, dtype=body.dtype, name="transform"
        )
        x = body.activation(by_rows(transform, states))
        x = LayerNorm(epsilon=body.epsilon, dtype=body.dtype, name="transform_norm")(x)
        logits = body.logits(x, body.words.embedding)
        bias = self.param("bias", nn.initializers.zeros, (body.vocabulary,))
        found = {"tokens": logits + jnp.broadcast_to(bias, logits.shape)}
        if self.next_sentence:
            pair = nn.Dense(2, kernel_init=body.kernel_init, name="pair")
            found["pair"] = pair(body.pooled(states).astype(jnp.float32))
        return found


class BERTClassifier(nn.Module):
    """A class for a text, or a pair of them: logits `[B, classes]`, float32, of the pooled [CLS].

    dropout: rate on what is pooled, may be traced.
    """

    body: BERT
    classes: int
    dropout: float | Array = 0.0

    @nn.compact
    def __call__(
        self,
        ids: Array,
        mask: Array | None = None,
        segments: Array | None = None,
        *,
        train: bool = False,
    ) -> Array:
        pooled = self.body.pooled(self.body(ids, mask, segments, train=train))
        pooled = Dropout(self.dropout)(pooled.astype(jnp.float32), train=train)
        return nn.Dense(self.classes, kernel_init=self.body.kernel_init, name="logits")(pooled)


class BERTTagger(nn.Module):
    """A class for each token: logits `[B, T, classes]`, float32. dropout as `BERTClassifier`."""

    body: BERT
    classes: int
    dropout: float | Array = 0.0

    @nn.compact
    def __call__(
        self,
        ids: Array,
        mask: Array | None = None,
        segments: Array | None = None,
        *,
        train: bool = False,
    ) -> Array:
        states = self.body(ids, mask, segments, train=train).astype(jnp.float32)
        states = Dropout(self.dropout)(states, train=train)
        logits = nn.Dense(self.classes, kernel_init=self.body.kernel_init, name="logits")
        return by_rows(logits, states)
