"""A classifier of a window of words: combined embeddings and a hidden layer.

Collobert & Weston 2008, https://doi.org/10.1145/1390156.1390177 (a window, concatenated).
"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.initializers import Initializer
from jaxdl.layers import embedding
from jaxdl.types import Array


class WindowClassifier(nn.Module):
    """Logits `[B, C]` of words `[B, W]`, integers in 0 … vocabulary − 1.

    combine: `(vectors [B, W, D], mask [B, W]) -> [B, ...]`, such as `embedding.concatenation` or
    `embedding.total`; what is no function of the words' order there cannot be one of the logits.
    """

    vocabulary: int
    features: int
    combine: Callable[[Array, Array], Array]
    hidden: int
    classes: int
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        vectors = embedding.Embedding(self.vocabulary, self.features, name="words")(x)
        combined = self.combine(vectors, jnp.ones(x.shape, vectors.dtype))
        hidden = nn.relu(nn.Dense(self.hidden, kernel_init=self.kernel_init)(combined))
        return nn.Dense(self.classes, kernel_init=self.kernel_init)(hidden)
