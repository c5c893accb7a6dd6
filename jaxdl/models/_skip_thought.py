"""Sentences that tell their neighbours: Kiros et al. 2015, https://arxiv.org/abs/1506.06726

A GRU reads a sentence i into its last state h_i. Two more GRUs say the sentences before and after
it, word by word, each step of all gates seeing h_i beside the word before (their C_r, C_z and C).
"""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.cells import GRU
from jaxdl.layers.recurrent import RNN
from jaxdl.layers.rows import by_rows
from jaxdl.models._sentence import SentenceEncoder
from jaxdl.types import Array


class SkipThought(nn.Module):
    """Logits of the words of both neighbours of sentences, from the words before them.

    vocabulary: V. features: D of the words' table, which all three share. width: H of their states.
    padding: the id of no word. The logits of both decoders are by one matrix.
    """

    vocabulary: int
    features: int
    width: int
    padding: int = 0
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.encoder = SentenceEncoder(
            self.vocabulary,
            self.features,
            RNN(self.width, GRU, dtype=self.dtype),
            padding=self.padding,
            dtype=self.dtype,
        )
        self.before = RNN(self.width, GRU, dtype=self.dtype)
        self.after = RNN(self.width, GRU, dtype=self.dtype)
        self.logits = nn.Dense(self.vocabulary, dtype=self.dtype)

    def __call__(self, ids: Array, previous: Array, following: Array) -> tuple[Array, Array]:
        """Sentences `[B, T]`, words of neighbours `[B, S]` each, to logits `[B, S, V]` each."""
        vector = self.encode(ids)
        return (
            self._tell(self.before, vector, previous),
            self._tell(self.after, vector, following),
        )

    def encode(self, ids: Array) -> Array:
        """The vectors `[B, H]` of sentences `[B, T]`."""
        return self.encoder(ids, train=False)

    def _tell(self, decoder: RNN, vector: Array, words: Array) -> Array:
        told = jnp.broadcast_to(vector[:, None], (*words.shape, vector.shape[-1]))
        inputs = jnp.concatenate([self.encoder.embedding(words), told], axis=-1)
        mask = (words != self.padding).astype(inputs.dtype)
        _, states = decoder(inputs, None, mask)
        return by_rows(self.logits, states)
