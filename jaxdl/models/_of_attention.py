"""What the models of attention share: sizes, the embedding of tokens, and stacks."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.initializers import Initializer
from jaxdl.layers.activations import gelu_tanh
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.embedding import Embedding
from jaxdl.layers.multi_head import AttentionMetadata, KeysValues
from jaxdl.layers.norms import LayerNorm
from jaxdl.layers.positions import Learned, Positions
from jaxdl.layers.transformer import TransformerLayer, TransformerStack
from jaxdl.ops.products import wide_product
from jaxdl.types import Array


class OfAttention(nn.Module):
    """Fields that GPT, BERT and Transformer have in common.

    vocabulary: V. width: D. length: places there are, in a learned table and in a cache. hidden: of
    the networks; None: 4·D. positions: of `layers.positions`; None: `Learned(length)`. dropout:
    rate on the embeddings and on what each attention and network gives; attention_dropout: on the
    weights; both may be traced. epsilon: of the norms. remat, together: see `TransformerStack`.
    dtype: of the products (bfloat16, say); parameters, softmax, norms and logits are float32.
    ValueError for no layers, or heads that do not divide the width.
    """

    vocabulary: int
    width: int
    depth: int
    heads: int
    length: int
    hidden: int | None = None
    positions: Positions | None = None
    activation: Callable[[Array], Array] = gelu_tanh
    pre_norm: bool = True
    dropout: float | Array = 0.0
    attention_dropout: float | Array = 0.0
    epsilon: float = 1e-5
    kernel_init: Initializer = nn.initializers.normal(0.02)
    remat: Callable[..., bool] | None = None
    together: int = 1
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        if self.depth < 1 or self.together < 1:
            raise ValueError(f"{self.depth} layers, {self.together} together: 1 or more are needed")
        if self.heads < 1 or self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        self.words = Embedding(self.vocabulary, self.width, self.table_init())
        place = self.positions
        if place is None:
            place = Learned(self.length, self.kernel_init, name="positions")
        self.place = place
        self.drop = Dropout(self.dropout)

    def table_init(self) -> Initializer:
        """Of the table of the words."""
        return self.kernel_init

    def stack_of(self, depth: int, out_init: Initializer | None = None) -> TransformerStack:
        """A stack of the model's layers."""
        layer = functools.partial(
            TransformerLayer,
            self.width,
            self.heads,
            hidden=self.hidden,
            activation=self.activation,
            pre_norm=self.pre_norm,
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            epsilon=self.epsilon,
            kernel_init=self.kernel_init,
            out_init=out_init,
            dtype=self.dtype,
        )
        norm = LayerNorm(epsilon=self.epsilon, dtype=self.dtype) if self.pre_norm else None
        return TransformerStack(depth, layer, norm, self.remat, self.together)

    def placed(self, x: Array, at: Array | None) -> Array:
        """Embedded tokens with their places, in the model's dtype."""
        return self.place(x if self.dtype is None else x.astype(self.dtype), at)

    def metadata(self, length: int, at: Array | None, **masks: Array | None) -> AttentionMetadata:
        """Who sees whom in a sequence of this length."""
        return AttentionMetadata(
            at=at,
            angles=self.place.angles(length, self.width // self.heads, at),
            slopes=self.place.slopes(self.heads),
            **masks,
        )

    def logits(self, x: Array, table: Array) -> Array:
        """Logits `[B, T, V]`, float32 at least, of states by the rows of a table `[V, D]`."""
        rows = x.reshape(-1, x.shape[-1])
        logits = wide_product(rows, jnp.asarray(table, x.dtype).T)
        return logits.reshape(*x.shape[:-1], len(table))

    def fitting(self, logits: Array, at: Array, caches: Sequence[KeysValues]) -> Array:
        """Logits `[B, T, V]`, NaN where the places `at` are past the end of a cache."""
        return jnp.where((at < caches[0][0].shape[2])[..., None], logits, jnp.nan)

    def empty(self, batch: int, depth: int, places: int) -> tuple[KeysValues, ...]:
        """The cache of a stack before its first token. ValueError for more places than a table."""
        if isinstance(self.place, Learned) and places > self.place.length:
            raise ValueError(
                f"a cache of {places} places is longer than the {self.place.length} learned "
                "positions: raise the model's length, or ask for fewer places"
            )
        shape = (batch, self.heads, places, self.width // self.heads)
        nothing: Any = jnp.zeros(shape, self.dtype or jnp.float32)
        return ((nothing, nothing),) * depth


def groups_of_body(depth: int) -> tuple[str, ...]:
    """Patterns of the parameters below `body`, a GPT or BERT of so many layers: of each layer, from
    the last one down, and of the embeddings; for `optimizers.by_depth` and `unfreeze_gradually`."""
    below = (f"^body/stack/layers_{n}/" for n in reversed(range(depth - 1)))
    last = f"^body/stack/(layers_{depth - 1}|norm)/"
    return last, *below, "^body/(words|positions|segments|embedding_norm)/"
