"""A neural language model over a window of words. Bengio, Ducharme, Vincent & Jauvin 2003.

https://jmlr.org/papers/v3/bengio03a.html
"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.initializers import Initializer
from jaxdl.layers.embedding import Embedding, concatenation
from jaxdl.types import Array


class WindowLanguageModel(nn.Module):
    """y = b + W x + U tanh(d + H x), x the vectors of the n − 1 words before, side by side.

    `(ids [B, T]) -> logits [B, V]` of the word behind them; of T ≥ n − 1 words the last n − 1 are
    looked at. ValueError for fewer.
    context: n − 1. vocabulary: V. features: numbers in a word's vector. hidden: rows of H.
    direct: with the connections W from the words to the logits, or without (W = 0).
    """

    vocabulary: int
    context: int
    features: int
    hidden: int
    direct: bool = False
    activation: Callable[[Array], Array] = jnp.tanh
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, ids: Array, *, train: bool = False) -> Array:
        if not 1 <= self.context <= ids.shape[1]:
            raise ValueError(
                f"context {self.context} is outside 1..{ids.shape[1]}, the words given"
            )
        before = ids[:, ids.shape[1] - self.context :]
        words = Embedding(self.vocabulary, self.features, name="embedding")(before)
        x = concatenation(words, jnp.ones(before.shape, words.dtype))
        hidden = nn.Dense(self.hidden, kernel_init=self.kernel_init, name="hidden")(x)
        logits = nn.Dense(self.vocabulary, kernel_init=self.kernel_init, name="logits")(
            self.activation(hidden)
        )
        if self.direct:
            straight = nn.Dense(
                self.vocabulary, use_bias=False, kernel_init=self.kernel_init, name="direct"
            )
            logits = logits + straight(x)
        return logits
