"""The mean of a text's word vectors, and a layer on it: Iyyer et al. 2015, https://aclanthology.org/P15-1162"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.layers import embedding
from jaxdl.types import Array


class AveragingNetwork(nn.Module):
    """Logits `[B, C]` of texts of ids `[B, T]`: W · mean of the words' vectors + b.

    words: ids to vectors, an `embedding.Embedding`, or a `FrozenEmbedding` to train only the layer.
    padding: the id of no word; a text without words has the logits b.
    """

    words: nn.Module
    classes: int
    padding: int = 0
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        mask = (x != self.padding).astype(jnp.float32)
        mean = embedding.mean(self.words(x), mask)
        return nn.Dense(self.classes, kernel_init=self.kernel_init, name="logits")(mean)
