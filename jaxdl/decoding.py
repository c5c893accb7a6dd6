"""Sequences from a model that gives the next token: greedy, by chance, and by beam search.

A model is `step(carry, tokens [B]) -> (carry, logits [B, V])`; every leaf of the carry has B first.
All functions are pure and may be jitted whole, with `step` and the sizes static.

Where a model has no next token to offer, since its logits hold a NaN or are all −inf, a ValueError
says so; in a compiled call, which cannot raise, the tokens are `NO_TOKEN` from there on.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl.types import Array, PyTree

NO_TOKEN = -1

Step = Callable[[PyTree, Array], tuple[PyTree, Array]]
_State = tuple[PyTree, Array, Array, Array]
"""Carry, tokens `[B]`, which have ended, which are lost."""
_Beams = tuple[PyTree, Array, Array, Array, Array, Array]
"""Carry, tokens `[B·W]`, log p, lengths and which have ended `[B, W]`, which are lost `[B]`."""


def greedy(step: Step, carry: PyTree, start: Array, length: int, end: int | None = None) -> Array:
    """The likeliest token each time, `[B, length]`, after `start [B]`; ties go to the lower id.

    end: the token that ends a sequence; it is repeated from there on.
    """
    return _generate(step, carry, start, length, end, lambda logits, _: jnp.argmax(logits, -1))


def sample(
    step: Step,
    carry: PyTree,
    start: Array,
    length: int,
    key: Array,
    *,
    end: int | None = None,
    temperature: ArrayLike = 1.0,
    top_k: int | None = None,
    top_p: ArrayLike | None = None,
) -> Array:
    """Tokens drawn from softmax(logits / temperature), `[B, length]`, after `start [B]`.

    temperature: > 0, may be traced; towards 0, and for a traced one of 0, it is `greedy`, but ties
        are drawn. ValueError if it is known not to be above 0 and finite.
    top_k, top_p: see `keep_top_k` and `keep_nucleus`, applied in this order after the temperature.
    end: as for `greedy`.
    """
    if _known(temperature) and not _all(temperature, lambda t: (t > 0) & (t < np.inf)):
        raise ValueError(
            f"temperature {temperature} is not above 0 and finite; `greedy` is its limit at 0"
        )
    _check_nucleus(top_p)

    def choose(logits: Array, key: Array) -> Array:
        logits = _below_best(logits)
        logits = logits / jnp.maximum(temperature, jnp.finfo(logits.dtype).tiny)
        if top_k is not None:
            logits = keep_top_k(logits, top_k)
        if top_p is not None:
            logits = keep_nucleus(logits, top_p)
        return jax.random.categorical(key, logits)

    return _generate(step, carry, start, length, end, choose, key)


def keep_top_k(logits: Array, k: int) -> Array:
    """Logits `[..., V]`, −inf for all but the k largest; more stay where there are ties.

    Fan, Lewis & Dauphin 2018, https://arxiv.org/abs/1805.04833
    """
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(f"top_k {k} is outside 1..{logits.shape[-1]}, the size of the vocabulary")
    least = jax.lax.top_k(logits, k)[0][..., -1:]
    return jnp.where(logits < least, -jnp.inf, logits)


def keep_nucleus(logits: Array, p: ArrayLike) -> Array:
    """Logits `[..., V]`, −inf outside the smallest set of likeliest tokens of probability ≥ p.

    More stay where there are ties. Holtzman et al. 2020, https://arxiv.org/abs/1904.09751
    p: in (0, 1], may be traced; ValueError if it is known not to be. The likeliest token always
    stays, so a traced p of 0 keeps it alone; all stay for a p of 1.
    """
    _check_nucleus(p)
    ordered = -jnp.sort(-logits, axis=-1)
    probabilities = jax.nn.softmax(ordered)
    # A token stays if those before it do not reach p.
    before = jnp.cumsum(probabilities, axis=-1) - probabilities
    stays = ((before < p) | (jnp.asarray(p) >= 1)).at[..., 0].set(True)
    least = jnp.where(stays, ordered, jnp.inf).min(axis=-1, keepdims=True)
    return jnp.where(logits < least, -jnp.inf, logits)


def beam(
    step: Step,
    carry: PyTree,
    start: Array,
    length: int,
    *,
    width: int,
    end: int,
    length_penalty: ArrayLike = 0.0,
) -> tuple[Array, Array]:
    """The `width` best sequences that are found, best first: tokens `[B, width, length]`, scores.

    Score `[B, width]`: log p / n^α in nats, n the tokens up to `end`, itself included, and α the
    `length_penalty`; sequences are kept by log p and ordered by score. Behind `end` is more of it.
    `width` 1 is `greedy`. Where fewer sequences than `width` exist, the rest has a score of −inf
    and is `NO_TOKEN`. A sequence whose next logits are all −inf is dropped; NaN in the logits of
    one makes all scores of its beam NaN. Raises ValueError for a width below 1.
    """
    if width < 1:
        raise ValueError(f"a beam of width {width}, 1 or more is needed")
    batch = len(start)
    carry = jax.tree.map(lambda leaf: jnp.repeat(leaf, width, axis=0), carry)
    tokens = jnp.repeat(start, width)
    # All beams begin alike: only the first may go on, or they would stay alike.
    log_p = jnp.tile(jnp.where(jnp.arange(width) == 0, 0.0, -jnp.inf)[None], (batch, 1))
    lengths = jnp.zeros((batch, width), jnp.int32)
    rows = jnp.arange(batch)[:, None]

    def advance(state: _Beams, _: None) -> tuple[_Beams, tuple[Array, Array]]:
        carry, tokens, log_p, lengths, ended, bad = state
        carry, logits = step(carry, tokens)
        size = logits.shape[-1]
        more = jax.nn.log_softmax(_below_best(logits)).reshape(batch, width, size)
        lost = jnp.isnan(more).any(axis=-1) & ~ended & (log_p > -jnp.inf)
        more = jnp.where(_offers(logits).reshape(batch, width, 1), more, -jnp.inf)
        stay = jnp.where(jnp.arange(size) == end, 0.0, -jnp.inf)[None, None]
        more = jnp.where(ended[..., None], stay, more)
        log_p, best = jax.lax.top_k((log_p[..., None] + more).reshape(batch, -1), width)
        parent, token = best // size, (best % size).astype(start.dtype)
        lengths = lengths[rows, parent] + ~ended[rows, parent]
        ended = ended[rows, parent] | (token == end)
        chosen = (rows * width + parent).reshape(-1)
        carry = jax.tree.map(lambda leaf: leaf[chosen], carry)
        bad = bad | lost.any(axis=-1)
        return (carry, token.reshape(-1), log_p, lengths, ended, bad), (parent, token)

    nobody = jnp.zeros((batch, width), bool), jnp.zeros(batch, bool)
    last, steps = jax.lax.scan(advance, (carry, tokens, log_p, lengths, *nobody), length=length)
    score = last[2] / jnp.maximum(last[3], 1) ** jnp.asarray(length_penalty, jnp.float32)
    score = jnp.where(last[5][:, None], jnp.nan, score)
    order = jnp.argsort(-score, axis=-1)

    def trace(place: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        parent, token = step
        return parent[rows, place], token[rows, place]

    _, found = jax.lax.scan(trace, order, steps, reverse=True)
    score = jnp.take_along_axis(score, order, axis=-1)
    _check_found(jnp.isfinite(score[:, 0]))
    found = jnp.moveaxis(found, 0, -1)
    return jnp.where(jnp.isfinite(score)[..., None], found, NO_TOKEN), score


def _offers(logits: Array) -> Array:
    """Whether a token can be chosen, `[B]`."""
    return ~jnp.isnan(logits).any(axis=-1) & (logits > -jnp.inf).any(axis=-1)


def _below_best(logits: Array) -> Array:
    """Logits less the largest, in float32 at least: 0 for the likeliest, an infinite one too."""
    # Noise drawn in bfloat16, and sums of its logarithms, are far off.
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    best = logits.max(axis=-1, keepdims=True)
    return jnp.where(logits == best, 0, logits - best)


def _check_found(found: Array) -> None:
    if _known(found) and not found.all():
        rows = np.flatnonzero(~np.asarray(found)).tolist()
        raise ValueError(
            f"no next token: logits of rows {rows} hold NaN or are all −inf, as they do where a "
            "model diverged, behind an id outside its vocabulary, or past the last place of a cache"
        )


def _check_nucleus(p: ArrayLike | None) -> None:
    if p is not None and _known(p) and not _all(p, lambda p: (p > 0) & (p <= 1)):
        raise ValueError(f"top_p {p} is not above 0 and at most 1")


def _known(value: object) -> bool:
    return not isinstance(value, jax.core.Tracer)


def _all(value: ArrayLike, test: Callable[[np.ndarray], Any]) -> bool:
    return bool(np.all(test(np.asarray(value, np.float64))))


def _generate(
    step: Step,
    carry: PyTree,
    start: Array,
    length: int,
    end: int | None,
    choose: Callable[[Array, Any], Array],
    key: Array | None = None,
) -> Array:
    def advance(state: _State, key: Array | None) -> tuple[_State, Array]:
        carry, token, ended, lost = state
        carry, logits = step(carry, token)
        chosen = choose(logits, key).astype(token.dtype)
        lost = lost | (~_offers(logits) & ~ended)
        if end is not None:
            chosen = jnp.where(ended, end, chosen)
            ended = ended | ((chosen == end) & ~lost)
        return (carry, chosen, ended, lost), jnp.where(lost, NO_TOKEN, chosen)

    keys = None if key is None else jax.random.split(key, length)
    nobody = jnp.zeros(start.shape, bool)
    last, tokens = jax.lax.scan(advance, (carry, start, nobody, nobody), keys, length=length)
    _check_found(~last[3])
    return tokens.T
