"""fastText: a word's vector from those of its character n-grams, so that unseen words have one too.

Bojanowski et al. 2017, https://arxiv.org/abs/1607.04606.
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.initializers import Initializer
from jaxdl.layers import embedding
from jaxdl.types import Array

UNSEEN = -1


class FastText(nn.Module):
    """Vectors of words `[B, D]` from ids, n-gram ids and a mask, as `ngram_ids` gives them.

    Words `[B]`, `UNSEEN` for one outside the vocabulary, whose vector is that of its n-grams alone;
    n-grams and mask `[B, G]`. combine: `(vectors [B, G + 1, D], mask) -> [B, D]`, the mean as in
    the authors' program; the paper has `embedding.total`. Nothing known of a word gives zeros.
    """

    vocabulary: int
    buckets: int
    features: int
    combine: Callable[[Array, Array], Array] = embedding.mean
    embedding_init: Initializer | None = None

    @nn.compact
    def __call__(self, words: Array, ngrams: Array, mask: Array) -> Array:
        init = self.embedding_init or _uniform(1 / self.features)
        of_words = embedding.Embedding(self.vocabulary, self.features, init, name="words")
        of_ngrams = embedding.Embedding(self.buckets, self.features, init, name="ngrams")
        seen = words != UNSEEN
        own = of_words(jnp.where(seen, words, 0))[:, None]
        vectors = jnp.concatenate([own, of_ngrams(ngrams)], axis=1)
        present = jnp.concatenate([seen[:, None].astype(mask.dtype), mask], axis=1)
        return self.combine(vectors, present)


def ngrams(word: str, shortest: int = 3, longest: int = 6) -> list[str]:
    """The n-grams of `<word>`, in characters, by their place and then by their length.

    The marks `<` and `>` tell the beginning and the end of a word; alone they are no n-gram.
    """
    marked = f"<{word}>"
    ends = (0, len(marked) - 1)
    return [
        marked[start : start + size]
        for start in range(len(marked))
        for size in range(shortest, min(longest, len(marked) - start) + 1)
        if size > 1 or start not in ends
    ]


def fnv1a(text: str) -> int:
    """32-bit FNV-1a hash of the UTF-8 bytes, as the authors' program has it.

    There a byte is a signed number: one of 128 or more also turns the upper 24 bits over.
    """
    found = 2166136261
    for byte in text.encode():
        signed = byte if byte < 128 else byte | 0xFFFFFF00
        found = ((found ^ signed) * 16777619) & 0xFFFFFFFF
    return found


def ngram_ids(
    words: Sequence[str], buckets: int, shortest: int = 3, longest: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    """Buckets of the n-grams of N words, int32 `[N, G]`, and a mask `[N, G]`, float32.

    G is the number of n-grams of the word that has the most, 1 at least.
    """
    lists = [ngrams(word, shortest, longest) for word in words]
    shape = (len(words), max([1, *map(len, lists)]))
    ids, mask = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for row, found in enumerate(lists):
        ids[row, : len(found)] = [fnv1a(ngram) % buckets for ngram in found]
        mask[row, : len(found)] = 1
    return ids, mask


def _uniform(scale: float) -> Initializer:
    def init(key: Array, shape: Sequence[int], dtype: jnp.dtype = jnp.float32) -> Array:
        return jax.random.uniform(key, shape, dtype, minval=-scale, maxval=scale)

    return init
