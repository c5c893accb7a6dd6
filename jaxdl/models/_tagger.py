"""A tagger of words that reads their characters too. Huang, Xu & Yu 2015 (the bidirectional LSTM),
https://arxiv.org/abs/1508.01991; Ma & Hovy 2016 (characters), https://arxiv.org/abs/1603.01354
"""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.data.text.vocabulary import PAD
from jaxdl.initializers import Initializer
from jaxdl.layers.conv import Conv
from jaxdl.layers.embedding import Embedding
from jaxdl.layers.rows import by_rows
from jaxdl.types import Array


class CharacterFeatures(nn.Module):
    """What the letters say of a word: ids `[N, C]` of its characters to `[N, features]`.

    Embedding, a convolution of `window` characters, and the largest value over those there are;
    zeros for a word without any. vocabulary: how many ids there are; width: of the embedding.
    """

    vocabulary: int
    features: int
    width: int = 16
    window: int = 3
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, ids: Array) -> Array:
        real = (ids != PAD)[..., None]
        letters = Embedding(self.vocabulary, self.width, name="embedding", dtype=self.dtype)(ids)
        seen = Conv(self.features, (self.window,), name="conv", dtype=self.dtype)(
            jnp.where(real, letters, 0)
        )
        # A window around a character: what surrounds the word is zeros, padding or not.
        seen = jnp.where(real, jnp.maximum(seen, 0), 0)
        return seen.max(axis=1)


class Tagger(nn.Module):
    """Logits of a tag for each word: ids `[B, T]`, spelled `[B, T, C]`, to `[B, T, tags]`.

    Padding is `PAD`; logits of real words do not depend on it.
    vocabulary: how many words there are; features: of their embedding. body: `(x [B, T, D], carry,
    mask, train=...) -> (carry, y [B, T, H])`, such as `layers.recurrent.Bidirectional`.
    characters: `[B·T, C] -> [B·T, F]`, such as `CharacterFeatures`; None: words alone. context: ids
    to further vectors of the words where they stand, `(ids, train=...) -> [B, T, F]`, such as
    `Contextual`. dropout: a module called with `train`, on what goes into the body and comes out of
    it.
    """

    vocabulary: int
    features: int
    body: nn.Module
    tags: int
    characters: nn.Module | None = None
    context: nn.Module | None = None
    dropout: nn.Module | None = None
    kernel_init: Initializer = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, words: Array, spelled: Array, *, train: bool) -> Array:
        x = Embedding(self.vocabulary, self.features, name="embedding", dtype=self.dtype)(words)
        if self.characters is not None:
            x = jnp.concatenate([x, by_rows(self.characters, spelled)], axis=-1)
        if self.context is not None:
            x = jnp.concatenate([x, self.context(words, train=train)], axis=-1)
        _, y = self.body(self._drop(x, train), None, words != PAD, train=train)
        logits = nn.Dense(self.tags, kernel_init=self.kernel_init, name="logits", dtype=self.dtype)
        return by_rows(logits, self._drop(y, train))

    def _drop(self, x: Array, train: bool) -> Array:
        return x if self.dropout is None else self.dropout(x, train=train)
