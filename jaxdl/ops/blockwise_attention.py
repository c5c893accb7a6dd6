"""Attention without a matrix of all scores: memory grows with T, not T². Dao et al. 2022, https://arxiv.org/abs/2205.14135

Softmax over blocks of keys, each of which rescales the sum of those before it (Milakov &
Gimelshein 2018, https://arxiv.org/abs/1805.02867); the way back computes each block's weights anew
from the logarithm of that sum.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.types import Array

BLOCK = 128
"""Queries, and keys, whose scores exist at a time."""


class _Seen(NamedTuple):
    """Who sees whom, padded to whole blocks; `of_queries` and `of_keys` are equal where they do."""

    mask: Array | None
    of_queries: Array | None
    of_keys: Array | None
    slopes: Array | None


def blockwise_attention(
    q: Array,
    k: Array,
    v: Array,
    *,
    mask: Array | None = None,
    causal: bool = False,
    segments: tuple[Array, Array] | None = None,
    slopes: Array | None = None,
) -> Array:
    """`ops.attention.dot_product_attention` with a mask `[B, S]`, in blocks.

    Reverse-mode derivatives of the first order; forward mode (`jax.jvp`) is not defined.
    ValueError where lengths differ, which padding to whole blocks would hide.
    """
    count, keys = q.shape[1], k.shape[1]
    _check_lengths(count, keys, {"values": v, "the mask": mask}, segments)
    if mask is None and keys % BLOCK:
        mask = jnp.ones((k.shape[0], keys), bool)
    of_queries, of_keys = (None, None) if segments is None else segments
    mask, of_queries, of_keys = jax.tree.map(_filled, (mask, of_queries, of_keys))
    seen = _Seen(mask, of_queries, of_keys, slopes)
    q = q * jnp.asarray(1 / math.sqrt(q.shape[-1]), q.dtype)
    heads_first = (jnp.swapaxes(_filled(x), 1, 2) for x in (q, k, v))
    y = _attend(causal, *heads_first, seen)
    return jnp.swapaxes(y, 1, 2)[:, :count]


def _check_lengths(
    queries: int,
    keys: int,
    of_keys: dict[str, Array | None],
    segments: tuple[Array, Array] | None,
) -> None:
    found = [(name, x, keys) for name, x in of_keys.items() if x is not None]
    if segments is not None:
        found += [("segments of queries", segments[0], queries)]
        found += [("segments of keys", segments[1], keys)]
    for name, x, length in found:
        if x.shape[1] != length:
            raise ValueError(
                f"{name}: a length of {x.shape[1]}, with {queries} queries and {keys} keys"
            )


def _filled(x: Array) -> Array:
    """Axis 1 filled with zeros to whole blocks."""
    if not x.shape[1] % BLOCK:
        return x
    return jnp.pad(x, [(0, 0), (0, -x.shape[1] % BLOCK), *[(0, 0)] * (x.ndim - 2)])


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attend(causal: bool, q: Array, k: Array, v: Array, seen: _Seen) -> Array:
    return _forward(causal, q, k, v, seen)[0]


def _forward(causal: bool, q: Array, k: Array, v: Array, seen: _Seen) -> tuple[Array, Any]:
    wider = jnp.promote_types(q.dtype, jnp.float32)
    least = jnp.finfo(wider).min

    def of_queries(_: None, i: Array) -> tuple[None, tuple[Array, Array]]:
        mine = _block(q, i, 2)

        def of_keys(j: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            total, weight, top = state
            scores, real = _scores(causal, mine, _block(k, j, 2), seen, i, j)
            higher = jnp.maximum(top, jnp.where(real, scores, least).max(-1, keepdims=True))
            powers = jnp.where(real, jnp.exp(scores - higher), 0)
            shrunk = jnp.exp(top - higher)
            read = _product("bhts,bhsd->bhtd", powers, _block(v, j, 2))
            return total * shrunk + read, weight * shrunk + powers.sum(-1, keepdims=True), higher

        empty = jnp.zeros((*mine.shape[:-1], 1), wider)
        state = jnp.zeros((*mine.shape[:-1], v.shape[-1]), wider), empty, empty + least
        total, weight, top = lax.fori_loop(0, _last(causal, i, k), of_keys, state)
        some = weight > 0
        # Where a query sees no key, weights are to be exp(s − ∞) = 0 on the way back.
        log_sum = jnp.where(some, top + jnp.log(jnp.where(some, weight, 1)), jnp.inf)
        return None, ((total / jnp.where(some, weight, 1)).astype(q.dtype), log_sum)

    _, (y, log_sum) = lax.scan(of_queries, None, jnp.arange(q.shape[2] // BLOCK))
    y, log_sum = _joined(y), _joined(log_sum)
    return y, (q, k, v, seen, y, log_sum)


def _backward(causal: bool, residuals: Any, dy: Array) -> tuple[Array, Array, Array, None]:
    q, k, v, seen, y, log_sum = residuals
    wider = log_sum.dtype
    # Σ_s w_s dw_s, since Σ_s w_s v_s is y.
    mean = (y.astype(wider) * dy.astype(wider)).sum(-1, keepdims=True)

    def of_queries(state: tuple[Array, Array], i: Array) -> tuple[tuple[Array, Array], Array]:
        mine, d_mine, mine_mean, mine_log = (_block(x, i, 2) for x in (q, dy, mean, log_sum))

        def of_keys(j: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            d_query, dk, dv = state
            theirs = _block(k, j, 2)
            scores, real = _scores(causal, mine, theirs, seen, i, j)
            weights = jnp.where(real, jnp.exp(scores - mine_log), 0)
            d_weights = _product("bhtd,bhsd->bhts", d_mine, _block(v, j, 2))
            d_scores = weights * (d_weights - mine_mean)
            d_query += _product("bhts,bhsd->bhtd", d_scores, theirs)
            dk = _add(dk, j, _product("bhts,bhtd->bhsd", d_scores, mine))
            dv = _add(dv, j, _product("bhts,bhtd->bhsd", weights, d_mine))
            return d_query, dk, dv

        nothing = jnp.zeros(mine.shape, wider)
        d_query, dk, dv = lax.fori_loop(0, _last(causal, i, k), of_keys, (nothing, *state))
        return (dk, dv), d_query.astype(q.dtype)

    nothing = jnp.zeros(k.shape, wider), jnp.zeros(v.shape, wider)
    (dk, dv), dq = lax.scan(of_queries, nothing, jnp.arange(q.shape[2] // BLOCK))
    return _joined(dq), dk.astype(k.dtype), dv.astype(v.dtype), None


_attend.defvjp(_forward, _backward)


def _scores(
    causal: bool, q: Array, k: Array, seen: _Seen, i: Array, j: Array
) -> tuple[Array, Array]:
    """Scores of the i-th queries and the j-th keys `[B, H, t, s]`, and which of them count."""
    scores = _product("bhtd,bhsd->bhts", q, k)
    rows = (i * BLOCK + jnp.arange(BLOCK))[None, None, :, None]
    columns = (j * BLOCK + jnp.arange(BLOCK))[None, None, None]
    if seen.slopes is not None:
        scores -= seen.slopes[None, :, None, None] * jnp.abs(rows - columns)
    real = columns <= rows if causal else jnp.ones((1, 1, 1, 1), bool)
    if seen.mask is not None:
        real &= (_block(seen.mask, j, 1) != 0)[:, None, None]
    if seen.of_queries is not None and seen.of_keys is not None:
        mine, theirs = _block(seen.of_queries, i, 1), _block(seen.of_keys, j, 1)
        real &= mine[:, None, :, None] == theirs[:, None, None]
    return scores, jnp.broadcast_to(real, scores.shape)


def _last(causal: bool, i: Array, k: Array) -> Array | int:
    """How many blocks of keys the i-th queries see."""
    blocks = k.shape[2] // BLOCK
    return jnp.minimum(i + 1, blocks) if causal else blocks


def _block(x: Array, i: Array, axis: int) -> Array:
    return lax.dynamic_slice_in_dim(x, i * BLOCK, BLOCK, axis)


def _add(x: Array, j: Array, part: Array) -> Array:
    return lax.dynamic_update_slice_in_dim(x, _block(x, j, 2) + part, j * BLOCK, 2)


def _product(axes: str, one: Array, other: Array) -> Array:
    """In the narrower dtype, added up in float32 at least."""
    wider = jnp.promote_types(other.dtype, jnp.float32)
    return jnp.einsum(axes, one.astype(other.dtype), other, preferred_element_type=wider)


def _joined(blocks: Array) -> Array:
    """`[n, B, H, t, D]` to `[B, H, n·t, D]`."""
    moved = jnp.moveaxis(blocks, 0, 2)
    return moved.reshape(*moved.shape[:2], -1, moved.shape[-1])
