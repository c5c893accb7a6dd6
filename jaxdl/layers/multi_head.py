"""Multi-head attention, with a cache of keys and values for decoding. Vaswani et al. 2017, https://arxiv.org/abs/1706.03762"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.initializers import Initializer, side_by_side
from jaxdl.layers.dropout import Dropout, is_zero
from jaxdl.layers.positions import Angles, rotated
from jaxdl.layers.rows import by_rows
from jaxdl.ops.attention import attention_weights, dot_product_attention
from jaxdl.types import Array

KeysValues = tuple[Array, Array]
"""Keys and values, `[B, H, S, D]` each: what a head reads lies together."""


class AttentionMetadata(NamedTuple):
    """What all layers of a stack are told of who sees whom, and of places.

    mask: of keys, `[B, S]`. segments: `[B, T]`, tokens see their own alone. memory_mask: of what a
    decoder looks at. at: places `[B, T]`. angles, slopes: of `layers.positions`.
    """

    mask: Array | None = None
    segments: Array | None = None
    memory_mask: Array | None = None
    at: Array | None = None
    angles: Angles | None = None
    slopes: Array | None = None


UNMASKED = AttentionMetadata()
"""All see all."""


class MultiHeadAttention(nn.Module):
    """`heads` attentions side by side, each of `width / heads` numbers: `[B, T, width]` to itself.

    dropout: rate on the weights, may be traced. dtype: of the products; parameters are float32.
    Params of attention to itself: `qkv` (queries, keys, values side by side) and `out`; to a
    memory: `q`, `kv` and `out`. Weights `[B, H, T, S]` are sown as `intermediates/weights`.
    ValueError unless `heads` divides `width`.
    """

    width: int
    heads: int
    dropout: float | Array = 0.0
    kernel_init: Initializer = nn.initializers.lecun_normal()
    out_init: Initializer | None = None
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        if self.heads < 1 or self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        dense = functools.partial(nn.Dense, dtype=self.dtype)
        self.qkv, self.kv, self.q = (
            dense(parts * self.width, kernel_init=side_by_side(self.kernel_init, parts))
            for parts in (3, 2, 1)
        )
        self.out = dense(self.width, kernel_init=self.out_init or self.kernel_init)
        self.drop = Dropout(self.dropout)

    def __call__(
        self,
        x: Array,
        metadata: AttentionMetadata = UNMASKED,
        *,
        causal: bool = False,
        train: bool = False,
    ) -> Array:
        """Of x to itself."""
        q, k, v = self._project(self.qkv, x, 3)
        q, k = rotated(q, metadata.angles), rotated(k, metadata.angles)
        segments = None if metadata.segments is None else (metadata.segments, metadata.segments)
        masks = {"mask": metadata.mask, "causal": causal, "segments": segments}
        return self._attend(q, k, v, {**masks, "slopes": metadata.slopes}, train)

    def extend(
        self, x: Array, cache: KeysValues, metadata: AttentionMetadata
    ) -> tuple[Array, KeysValues]:
        """Of x `[B, T, width]` at the places `metadata.at` to itself and all before it, causal.

        cache: `[B, H, L, D]` each, what stands at places 0..L−1; x is written into it.
        """
        if metadata.at is None:
            raise ValueError("what goes on in a cache needs its places, `metadata.at` [B, T]")
        q, k, v = self._project(self.qkv, x, 3)
        q, k = rotated(q, metadata.angles), rotated(k, metadata.angles)
        rows = jnp.arange(len(x))[:, None]
        keys, values = (
            old.at[rows, :, metadata.at].set(new.astype(old.dtype), mode="drop")
            for old, new in zip(cache, (k, v), strict=True)
        )
        distance = metadata.at[:, None, :, None] - jnp.arange(keys.shape[2])[None, None, None]
        bias = None
        if metadata.slopes is not None:
            bias = -metadata.slopes[None, :, None, None] * jnp.abs(distance)
        sees = {"mask": distance >= 0, "bias": bias}
        return self._attend(q, _swapped(keys), _swapped(values), sees, False), (keys, values)

    def remember(self, memory: Array) -> KeysValues:
        """Keys and values of a memory `[B, S, M]`, for `look`."""
        k, v = map(_swapped, self._project(self.kv, memory, 2))
        return k, v

    def look(
        self, x: Array, memory: KeysValues, mask: Array | None = None, *, train: bool = False
    ) -> Array:
        """Of x to a memory, mask `[B, S]`."""
        (q,) = self._project(self.q, x, 1)
        k, v = map(_swapped, memory)
        return self._attend(q, k, v, {"mask": mask}, train)

    def _project(self, dense: nn.Dense, x: Array, parts: int) -> list[Array]:
        shape = (*x.shape[:2], self.heads, self.width // self.heads)
        return [part.reshape(shape) for part in jnp.split(by_rows(dense, x), parts, axis=-1)]

    def _attend(self, q: Array, k: Array, v: Array, sees: Mapping[str, Any], train: bool) -> Array:
        """sees: what `dot_product_attention` is told."""
        if self.is_mutable_collection("intermediates"):
            self.sow("intermediates", "weights", attention_weights(q, k, **sees))
        drop = None
        if train and not is_zero(self.dropout):
            drop = functools.partial(self.drop, train=True)
        y = dot_product_attention(q, k, v, drop=drop, **sees)
        return by_rows(self.out, y.reshape(*y.shape[:2], self.width))


def _swapped(x: Array) -> Array:
    """Heads before places, or behind them."""
    return jnp.swapaxes(x, 1, 2)
