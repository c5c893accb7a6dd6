"""Scaled dot-product attention, softmax(QKᵀ/√d + bias) V. Vaswani et al. 2017, https://arxiv.org/abs/1706.03762

A query that may see no key gives zeros, in value and gradient; libraries differ there.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.numerics import wide
from jaxdl.ops.blockwise_attention import blockwise_attention
from jaxdl.types import Array

LONG, LONG_ON_CPU = 2048, 256
"""Queries, and keys, from which on weights are not kept. On CPU caches are soon too small for them;
elsewhere one large product is faster than many, while memory lasts."""


def masked_softmax(scores: Array, mask: Array | None = None) -> Array:
    """exp(s_n) / Σ exp(s_m) over the real ones of the last axis, `[..., N]`.

    In float32 at least. mask `[..., N]`: 0 gives exactly 0, whatever the score;
    only zeros give zeros, not NaN, and so do real scores that are all −∞.
    """
    scores, real = _masked(scores, mask)
    return jnp.where(real, jax.nn.softmax(scores, axis=-1), 0)


def _powers(scores: Array, mask: Array | None) -> Array:
    """exp(s − max s) over the real ones of the last axis, and 0 for the others, `[..., N]`."""
    scores, real = _masked(scores, mask)
    top = jax.lax.stop_gradient(scores.max(axis=-1, keepdims=True))
    return jnp.where(real, jnp.exp(scores - top), 0)


def _masked(scores: Array, mask: Array | None) -> tuple[Array, Array]:
    """Scores, the least number for those that do not count, and which of them do, `[..., N]`."""
    (scores,) = wide(scores)
    real = scores != -jnp.inf  # a NaN counts, so that it is seen
    if mask is not None:
        real &= jnp.broadcast_to(mask != 0, scores.shape)
    # Left out before the exponential as well: the gradient of a masked infinity would be NaN.
    return jnp.where(real, scores, jnp.finfo(scores.dtype).min), real


def dot_product_attention(
    q: Array,
    k: Array,
    v: Array,
    *,
    mask: Array | None = None,
    bias: Array | None = None,
    causal: bool = False,
    segments: tuple[Array, Array] | None = None,
    slopes: Array | None = None,
    drop: Callable[[Array], Array] | None = None,
) -> Array:
    """Each query's mean of the values, `[B, T, H, E]`.

    q `[B, T, H, D]`, k `[B, S, H, D]`, v `[B, S, H, E]`, S = 0 too: zeros, for nothing is seen.
    Scores and softmax are float32 at least; what is read has the dtype of q.
    mask: not 0 where a query may look; of keys, `[B, S]`, or of four axes that broadcast to
        `[B, H, T, S]`; ValueError for another number of them.
    bias: added to the scores, broadcast to `[B, H, T, S]`; −∞ is a mask.
    causal: query t sees the keys 0..t.
    segments: `[B, T]` of the queries and `[B, S]` of the keys: only equal ones see each other.
    slopes: `[H]`, m in the bias −m·|t − s| (ALiBi, Press et al. 2022); no gradient goes through.
    drop: done to the weights `[B, H, T, S]`.
    From T·S = `LONG`² on (`LONG_ON_CPU`²) weights exist for one block at a time, unless there is a
    bias, a drop or a mask of queries: see `blockwise_attention`. On a GPU narrow floats without
    mask, segments and slopes go to cuDNN.
    """
    if not k.shape[1]:
        return jnp.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
    whole = drop is not None or bias is not None or (mask is not None and mask.ndim != 2)
    if not whole and mask is None and segments is None and slopes is None and _by_cudnn(q, k, v):
        return jax.nn.dot_product_attention(q, k, v, is_causal=causal, implementation="cudnn")
    long = LONG_ON_CPU if jax.default_backend() == "cpu" else LONG
    if not whole and q.shape[1] * k.shape[1] >= long**2:
        return blockwise_attention(
            q, k, v, mask=mask, causal=causal, segments=segments, slopes=slopes
        )
    scores, real = _scores(q, k, mask, bias, causal, segments, slopes)
    if drop is not None:
        return _read(drop(masked_softmax(scores, real)), v).astype(q.dtype)
    powers = _powers(scores, real)
    total = jnp.moveaxis(powers.sum(axis=-1), 1, 2)[..., None]
    # Divided behind the product: D numbers of a query, not S, on the way there and back.
    return (_read(powers, v) / jnp.where(total > 0, total, 1)).astype(q.dtype)


def attention_weights(
    q: Array,
    k: Array,
    *,
    mask: Array | None = None,
    bias: Array | None = None,
    causal: bool = False,
    segments: tuple[Array, Array] | None = None,
    slopes: Array | None = None,
) -> Array:
    """The weights of `dot_product_attention`, `[B, H, T, S]`, float32 at least."""
    return masked_softmax(*_scores(q, k, mask, bias, causal, segments, slopes))


def _scores(
    q: Array,
    k: Array,
    mask: Array | None,
    bias: Array | None,
    causal: bool,
    segments: tuple[Array, Array] | None,
    slopes: Array | None,
) -> tuple[Array, Array | None]:
    """Scores `[B, H, T, S]`, float32 at least, and which of them count, None: all."""
    wider = jnp.promote_types(q.dtype, jnp.float32)
    q = _scaled(q)
    scores = jnp.einsum("bthd,bshd->bhts", q, k, preferred_element_type=wider)
    rows, columns = jnp.arange(q.shape[1])[:, None], jnp.arange(k.shape[1])[None]
    if slopes is not None:
        scores += (
            -jax.lax.stop_gradient(slopes)[None, :, None, None]
            * jnp.abs(rows - columns)[None, None]
        )
    if bias is not None:
        scores += jnp.broadcast_to(bias, scores.shape)
    real = None
    if mask is not None:
        if mask.ndim not in (2, 4):
            raise ValueError(f"a mask is [B, S] or [B, H, T, S], not {mask.shape}")
        real = (mask if mask.ndim == 4 else mask[:, None, None, :]) != 0
    if segments is not None:
        of_queries, of_keys = segments
        real = _both(real, of_queries[:, None, :, None] == of_keys[:, None, None, :])
    if causal:
        real = _both(real, (columns <= rows)[None, None])
    return scores, real


def _both(one: Array | None, other: Array) -> Array:
    return other if one is None else one & other


def _read(weights: Array, v: Array) -> Array:
    wider = jnp.promote_types(v.dtype, jnp.float32)
    return jnp.einsum("bhts,bshd->bthd", weights.astype(v.dtype), v, preferred_element_type=wider)


def _scaled(q: Array) -> Array:
    return q * jnp.asarray(1 / math.sqrt(q.shape[-1]), q.dtype)


def _by_cudnn(q: Array, k: Array, v: Array) -> bool:
    """Whether cuDNN has a kernel for these, on this backend."""
    narrow = q.dtype in (jnp.bfloat16, jnp.float16)
    fits = q.shape[-1] % 8 == 0 and q.shape[-1] <= 128 and q.shape[-1] == v.shape[-1]
    even = q.shape[1] % 2 == 0 and k.shape[1] % 2 == 0
    return jax.default_backend() == "gpu" and narrow and fits and even
