"""A linear model of a bag of words, by a vocabulary or a hash: Weinberger et al. 2009.

https://arxiv.org/abs/0902.2206 (hashing); Dietzfelbinger et al. 1997,
https://doi.org/10.1006/jagm.1997.0873 (a family of hash functions).
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from jaxdl.data.text.vocabulary import hashed
from jaxdl.initializers import Initializer
from jaxdl.layers import embedding
from jaxdl.types import Array

NO_WORD = -1
HASHES = 2**31 - 1


class BagOfWords(nn.Module):
    """Logits `[B, C]` of words `[B, T]`: Σ_t W[row of word t] / √n + b, n words in each text.

    place: `x -> rows [B, T]` of the table `[size, C]`, `NO_WORD` where there is no word; by default
    x are rows.
    """

    size: int
    classes: int
    place: Callable[[Array], Array] = lambda x: x
    kernel_init: Initializer = nn.initializers.zeros
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        rows = self.place(x)
        mask = (rows != NO_WORD).astype(jnp.float32)
        table = embedding.Embedding(
            self.size, self.classes, self.kernel_init, name="words", dtype=self.dtype
        )
        summed = embedding.total(table(jnp.where(rows != NO_WORD, rows, 0)), mask)
        bias = self.param("bias", nn.initializers.zeros, (self.classes,))
        return summed / jnp.sqrt(jnp.maximum(mask.sum(axis=1), 1))[:, None] + bias[None]


def hashes(tokens: Sequence[str], length: int) -> np.ndarray:
    """Numbers of the first `length` tokens, int32 `[length]`, the same everywhere; then `NO_WORD`.

    They are what `buckets` takes.
    """
    found = np.full(length, NO_WORD, np.int32)
    found[: len(tokens)] = [hashed(token, HASHES) for token in tokens[:length]]
    return found


def buckets(numbers: ArrayLike, salt: ArrayLike, bits: ArrayLike) -> Array:
    """Multiply-shift: ((salt · x) mod 2³²) ≫ (32 − bits), in 0 … 2^bits − 1; `NO_WORD` stays.

    numbers: `hashes`; salt: odd, a hash function each; bits: 1 … 31. Both may be traced.
    """
    spread = jnp.asarray(numbers).astype(jnp.uint32) * jnp.asarray(salt).astype(jnp.uint32)
    places = spread >> (32 - jnp.asarray(bits)).astype(jnp.uint32)
    return jnp.where(jnp.asarray(numbers) == NO_WORD, NO_WORD, places.astype(jnp.int32))
