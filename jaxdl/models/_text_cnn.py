"""Convolutions over words, and what they see of a text. Kim 2014, https://arxiv.org/abs/1408.5882

Stacks: dilated (Strubell et al. 2017, https://arxiv.org/abs/1702.02098), hierarchical with pooling
(Kalchbrenner et al. 2014, https://arxiv.org/abs/1404.2188).

A body makes one vector of a text: `(x [B, T, D], mask [B, T]) -> [B, F]`. Before every convolution
zeros stand where the mask is 0, as they do beyond the ends: nothing depends on padding.
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.data.text.vocabulary import PAD
from jaxdl.layers import embedding
from jaxdl.layers.conv import Conv, receptive_field
from jaxdl.ops.pooling import max_pool
from jaxdl.types import Array


class TextClassifier(nn.Module):
    """Logits of a text's class: ids `[B, T]` to `[B, classes]`; `PAD` is no word.

    embedding: ids to vectors `[B, T, D]`, an `embedding.Embedding` or, to train only what follows,
    a `FrozenEmbedding`. dropout: a module called with `train`, on the text's vector.
    """

    embedding: nn.Module
    body: nn.Module
    classes: int
    dropout: nn.Module | None = None
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.logits = nn.Dense(self.classes, kernel_init=self.kernel_init, dtype=self.dtype)

    def __call__(self, words: Array, *, train: bool) -> Array:
        vector = self.body(self.embedding(words), words != PAD)
        return self.logits(vector if self.dropout is None else self.dropout(vector, train=train))

    def contributions(self, words: Array) -> tuple[Array, Array]:
        """What each feature of an `NGrams` body adds to each logit, `[B, F, classes]`, and where
        its n-gram begins, `[B, F]`. With the bias the contributions add up to the logits."""
        values, starts = self.body.largest(self.embedding(words), words != PAD)
        kernel = self.logits.variables["params"]["kernel"]
        return values[..., None] * kernel[None], starts


class Bag(nn.Module):
    """The mean of the words there are: order is forgotten (Iyyer et al. 2015,
    https://aclanthology.org/P15-1162)."""

    @nn.compact
    def __call__(self, x: Array, mask: Array) -> Array:
        return embedding.mean(x, mask)


class NGrams(nn.Module):
    """The largest response of each feature to n consecutive words, n of every width.

    F = `features` of each of the widths, in their order. An n-gram begins at a word; what it has
    beyond the end is zeros.
    """

    features: int
    widths: Sequence[int] = (2, 3, 4, 5)
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.convolutions = [
            Conv(
                self.features,
                (n,),
                padding=((0, n - 1),),
                kernel_init=self.kernel_init,
                dtype=self.dtype,
            )
            for n in self.widths
        ]

    def __call__(self, x: Array, mask: Array) -> Array:
        return self._responses(x, mask).max(axis=1)

    def largest(self, x: Array, mask: Array) -> tuple[Array, Array]:
        """The largest responses `[B, F]`, and at which word their n-grams begin, `[B, F]`."""
        responses = self._responses(x, mask)
        return responses.max(axis=1), responses.argmax(axis=1)

    def _responses(self, x: Array, mask: Array) -> Array:
        x = _words(x, mask)
        found = jnp.concatenate([conv(x) for conv in self.convolutions], axis=-1)
        return _words(nn.relu(found), mask)


class SummedNGrams(NGrams):
    """Responses added up over the text: how often an n-gram is there counts, not only whether."""

    def __call__(self, x: Array, mask: Array) -> Array:
        return self._responses(x, mask).sum(axis=1)


class Dilated(nn.Module):
    """Convolutions of wider and wider steps, and the largest values: F = `features`."""

    features: int
    dilations: Sequence[int] = (1, 2, 4)
    width: int = 3
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @property
    def receptive_field(self) -> int:
        """How many words a value depends on."""
        return receptive_field([(self.width, 1, dilation) for dilation in self.dilations])

    def __call__(self, x: Array, mask: Array) -> Array:
        return self.values(x, mask).max(axis=1)

    @nn.compact
    def values(self, x: Array, mask: Array) -> Array:
        """What is seen around each word, `[B, T, F]`."""
        for dilation in self.dilations:
            conv = Conv(
                self.features,
                (self.width,),
                dilation=dilation,
                kernel_init=self.kernel_init,
                dtype=self.dtype,
            )
            x = nn.relu(conv(_words(x, mask)))
        return _words(x, mask)


class Hierarchical(nn.Module):
    """Convolutions with the larger of two neighbours after each, then the largest: F = `features`.

    Each level sees twice as far as the one below it.
    """

    features: int
    levels: int = 3
    width: int = 3
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @property
    def receptive_field(self) -> int:
        """How many words a value of the last level depends on."""
        return receptive_field([(self.width, 1, 1), (2, 2, 1)] * self.levels)

    def __call__(self, x: Array, mask: Array) -> Array:
        return self.values(x, mask).max(axis=1)

    @nn.compact
    def values(self, x: Array, mask: Array) -> Array:
        """The last level, `[B, ceil(T / 2**levels), F]`."""
        # A word at the end without a neighbour is not to be left out.
        missing = -x.shape[1] % 2**self.levels
        x = jnp.pad(x, ((0, 0), (0, missing), (0, 0)))
        mask = jnp.pad(mask > 0, ((0, 0), (0, missing)))
        for _ in range(self.levels):
            conv = Conv(
                self.features, (self.width,), kernel_init=self.kernel_init, dtype=self.dtype
            )
            x = max_pool(_words(nn.relu(conv(_words(x, mask))), mask), (2,))
            mask = mask.reshape(len(mask), -1, 2).any(axis=-1)
        return x


def _words(x: Array, mask: Array) -> Array:
    """Zeros where there is no word."""
    return jnp.where(mask[..., None] > 0, x, 0)
