"""Transformer: encoder and decoder. Vaswani et al. 2017, https://arxiv.org/abs/1706.03762"""

import math
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.initializers import Initializer
from jaxdl.layers.activations import relu
from jaxdl.layers.embedding import Embedding
from jaxdl.layers.multi_head import KeysValues
from jaxdl.layers.positions import Positions, Sinusoidal
from jaxdl.models._of_attention import OfAttention
from jaxdl.types import Array


class TransformerCarry(NamedTuple):
    """What a decoder goes on with; every array has B first.

    memories: keys and values of the encoder's states, for each layer; x_mask `[B, N]`. caches: of
    the layers, `[B, H, L, D]`; filled `[B]`: how many tokens stand in them.
    """

    memories: tuple[KeysValues, ...]
    x_mask: Array | None
    caches: tuple[KeysValues, ...]
    filled: Array


class Transformer(OfAttention):
    """Logits of each token of y from x and the tokens before it.

    `(x [B, N], x_mask [B, N], y [B, T]) -> (logits [B, T, V], None)`, as `Seq2Seq` takes them: y is
    what is given, from the start token on, without the last one. The defaults are the paper's, its
    base model with `width=512, depth=6, heads=8`: post-norm, ReLU, sinusoids, embeddings times √D,
    and logits by the table of y's words.
    vocabulary: of y. x_vocabulary: of x; None: one vocabulary and one table for both. depth: of the
    decoder. x_depth: of the encoder; None: `depth`.
    """

    positions: Positions | None = Sinusoidal()
    activation: Callable[[Array], Array] = relu
    pre_norm: bool = False
    kernel_init: Initializer = nn.initializers.xavier_uniform()
    x_vocabulary: int | None = None
    x_depth: int | None = None

    def setup(self) -> None:
        super().setup()
        if self.x_vocabulary is None:
            self.x_words = self.words
        else:
            self.x_words = Embedding(self.x_vocabulary, self.width, self.table_init())
        self.encoder = self.stack_of(self.depth if self.x_depth is None else self.x_depth)
        self.decoder = self.stack_of(self.depth)

    def table_init(self) -> Initializer:
        return nn.initializers.normal(1 / math.sqrt(self.width))

    def __call__(
        self, x: Array, x_mask: Array | None, y: Array, *, train: bool = False
    ) -> tuple[Array, None]:
        memories = self._memories(x, x_mask, train)
        embedded = self._embedded(self.words, y, None, train)
        metadata = self.metadata(y.shape[1], None, memory_mask=x_mask)
        states = self.decoder(embedded, memories, metadata, causal=True, train=train)
        return self.logits(states, self.words.embedding), None

    def begin(
        self, x: Array, x_mask: Array | None = None, places: int | None = None
    ) -> TransformerCarry:
        """The carry before the first token, for `step`. places: of the cache; None: `length`.

        ValueError for more of them than a table of positions has.
        """
        caches = self.empty(len(x), self.depth, self.length if places is None else places)
        memories = self._memories(x, x_mask, False)
        return TransformerCarry(memories, x_mask, caches, jnp.zeros(len(x), jnp.int32))

    def step(self, carry: TransformerCarry, tokens: Array) -> tuple[TransformerCarry, Array]:
        """One token of each sequence, for `jaxdl.decoding`: tokens `[B]` to logits `[B, V]`.

        Past the last place of the cache logits are NaN, which decoding tells.
        """
        at = carry.filled[:, None]
        embedded = self._embedded(self.words, tokens[:, None], at, False)
        metadata = self.metadata(1, at, memory_mask=carry.x_mask)
        states, caches = self.decoder.extend(embedded, carry.caches, carry.memories, metadata)
        logits = self.fitting(self.logits(states, self.words.embedding), at, caches)
        return carry._replace(caches=caches, filled=carry.filled + 1), logits[:, 0]

    def _memories(self, x: Array, x_mask: Array | None, train: bool) -> tuple[KeysValues, ...]:
        embedded = self._embedded(self.x_words, x, None, train)
        metadata = self.metadata(x.shape[1], None, mask=x_mask)
        return self.decoder.remember(self.encoder(embedded, metadata=metadata, train=train))

    def _embedded(self, words: Embedding, ids: Array, at: Array | None, train: bool) -> Array:
        return self.drop(self.placed(words(ids) * math.sqrt(self.width), at), train=train)
