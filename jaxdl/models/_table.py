"""A network of mixed tables: categories embedded or one-hot. Guo & Berkhahn 2016.

https://arxiv.org/abs/1604.06737
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.embedding import Embedding
from jaxdl.models._mlp import MLP
from jaxdl.types import Array


class TableNetwork(nn.Module):
    """An MLP on numbers, gaps and categories: rows of `data.tables.encode` to `[B, outputs]`.

    sizes: ids of each column of categories (`data.tables.Columns.sizes`), the last ones of a row.
    features: hidden widths. embedded: numbers of a category's vector at most, ⌈size / 2⌉ where
    there are few categories; 0: one-hot, where a row of the first kernel is a category's vector.
    activation, kernel_init: of the MLP.
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
                scale = nn.initializers.normal(width**-0.5)
                table = Embedding(size, width, scale, name=f"category_{column}", dtype=self.dtype)
                parts.append(table(ids[:, column]))
            else:
                parts.append(jax.nn.one_hot(ids[:, column], size, dtype=x.dtype))
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
