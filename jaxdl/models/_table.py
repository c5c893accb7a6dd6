"""A network of mixed tables: categories embedded or one-hot. Guo & Berkhahn 2016.

https://arxiv.org/abs/1604.06737
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.data.cells import FIRST, UNSEEN
from jaxdl.initializers import Initializer
from jaxdl.layers.embedding import Embedding
from jaxdl.models._mlp import MLP
from jaxdl.types import Array


class TableNetwork(nn.Module):
    """An MLP on numbers, gaps and categories: rows of `data.tables.encode` to `[B, outputs]`.

    sizes: ids of each column of categories (`data.tables.Columns.sizes`), the last ones of a row.
    features: hidden widths. embedded: numbers of a category's vector at most, ⌈size / 2⌉ where
    there are few categories; 0: one-hot, where a row of the first kernel is a category's vector.
    activation, kernel_init: of the MLP. A category that training never saw is the zero vector.
    """

    sizes: Sequence[int]
    outputs: int
    features: Sequence[int] = (64, 64)
    embedded: int = 16
    dropout: float | Array = 0.0
    activation: Callable[[Array], Array] = nn.relu
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        split = x.shape[-1] - len(self.sizes)
        ids = x[:, split:].astype(jnp.int32)
        parts = [x[:, :split]]
        for column, size in enumerate(self.sizes):
            if self.embedded:
                width = min(self.embedded, -(-size // 2))
                init = _blank_until_seen(nn.initializers.normal(width**-0.5))
                table = Embedding(size, width, init, name=f"category_{column}", dtype=self.dtype)
                parts.append(table(ids[:, column]))
            else:
                one_hot = jax.nn.one_hot(ids[:, column], size, dtype=x.dtype)
                parts.append(one_hot.at[:, UNSEEN].set(0))
        joined = jnp.concatenate(parts, axis=-1)
        mlp = MLP(
            self.features,
            self.outputs,
            self.activation,
            self.dropout,
            self.kernel_init,
            name="mlp",
            dtype=self.dtype,
        )
        return mlp(joined, train=train)


def _blank_until_seen(init: Initializer) -> Initializer:
    """Zeros for a gap, which training may never meet, and for what it never meets."""

    def draw(key: Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        return init(key, shape, dtype).at[:FIRST].set(0)

    return draw
