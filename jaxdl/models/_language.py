"""A recurrent language model. Mikolov et al. 2010; of characters: Sutskever et al. 2011."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.rows import by_rows
from jaxdl.types import Array, PyTree


class LanguageModel(nn.Module):
    """Logits of the next token, from those before: `(ids [B, T]) -> (carry, logits [B, T, V])`.

    vocabulary: V. features: D of the embedding. body: `(x [B, T, D], carry, mask, train=...) ->
    (carry, y [B, T, H])`, such as `layers.recurrent.RNN` or `Stack`. dropout: a module called with
    `train`, on what goes into the body and comes out of it (Zaremba et al. 2014: on no state).
    carry: the states of a sequence that goes on; default: those of a new one.
    segments: ids `[B, T]` of packed sequences, for a body that takes them.
    """

    vocabulary: int
    features: int
    body: nn.Module
    dropout: nn.Module | None = None
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(
        self,
        x: Array,
        carry: PyTree = None,
        *,
        segments: Array | None = None,
        train: bool = False,
    ) -> tuple[PyTree, Array]:
        options = {} if segments is None else {"segments": segments}
        embedded = nn.Embed(self.vocabulary, self.features, name="embedding", dtype=self.dtype)(x)
        carry, y = self.body(self._drop(embedded, train), carry, train=train, **options)
        logits = nn.Dense(self.vocabulary, name="logits", dtype=self.dtype)
        return carry, by_rows(logits, self._drop(y, train))

    def step(self, carry: PyTree, tokens: Array) -> tuple[PyTree, Array]:
        """One token of each sequence, for `jaxdl.decoding`: tokens `[B]` to logits `[B, V]`."""
        carry, logits = self(tokens[:, None], carry)
        return carry, jnp.squeeze(logits, 1)

    def _drop(self, x: Array, train: bool) -> Array:
        return x if self.dropout is None else self.dropout(x, train=train)
