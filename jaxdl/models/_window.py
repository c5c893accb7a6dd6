"""Networks over a window of words. Bengio, Ducharme, Vincent & Jauvin 2003 (a language model).

https://jmlr.org/papers/v3/bengio03a.html; tagging: Collobert & Weston 2008,
https://doi.org/10.1145/1390156.1390177
"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.initializers import Initializer
from jaxdl.layers.embedding import Embedding, concatenation
from jaxdl.types import Array


class WindowNetwork(nn.Module):
    """y = b + W x + U tanh(d + H x), x the vectors of the window's words, combined.

    `(ids [B, T]) -> logits [B, outputs]`: of a class, or, with as many outputs as words, of the
    word behind the window.
    vocabulary: words there are. features: numbers in a word's vector. hidden: rows of H. outputs:
    of U. combine: `(vectors [B, T, D], mask [B, T]) -> [B, ...]`, such as
    `embedding.concatenation` or `embedding.total`; what does not depend on the words' order there
    cannot in the logits. direct: with W, from the words to the logits, or without (W = 0).
    """

    vocabulary: int
    features: int
    hidden: int
    outputs: int
    combine: Callable[[Array, Array], Array] = concatenation
    direct: bool = False
    kernel_init: Initializer = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, ids: Array, *, train: bool = False) -> Array:
        words = Embedding(self.vocabulary, self.features, name="embedding", dtype=self.dtype)(ids)
        x = self.combine(words, jnp.ones(ids.shape, words.dtype))
        hidden = nn.Dense(
            self.hidden, kernel_init=self.kernel_init, name="hidden", dtype=self.dtype
        )(x)
        logits = nn.Dense(
            self.outputs, kernel_init=self.kernel_init, name="logits", dtype=self.dtype
        )(jnp.tanh(hidden))
        if self.direct:
            straight = nn.Dense(
                self.outputs,
                use_bias=False,
                kernel_init=self.kernel_init,
                name="direct",
                dtype=self.dtype,
            )
            logits = logits + straight(x)
        return logits
