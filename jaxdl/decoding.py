"""Sequences from a model that gives the next token: greedy, by chance, and by beam search.

A model is `step(carry, tokens [B]) -> (carry, logits [B, V])`; every leaf of the carry has B first.
All functions are pure and may be jitted whole, with `step` and the sizes static.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl.types import Array, PyTree

Step = Callable[[PyTree, Array], tuple[PyTree, Array]]


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

    temperature: > 0, may be traced; ValueError if it is known not to be. top_k, top_p: see
        `keep_top_k` and `keep_nucleus`, applied in this order after the temperature.
    end: as for `greedy`.
    """

    if not isinstance(temperature, jax.core.Tracer) and not np.all(np.asarray(temperature) > 0):
        raise ValueError(f"temperature {temperature} is not above 0; `greedy` is its limit there")

    def choose(logits: Array, key: Array) -> Array:
        logits = _precise(logits) / temperature
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
    return jnp.where(logits >= least, logits, -jnp.inf)


def keep_nucleus(logits: Array, p: ArrayLike) -> Array:
    """Logits `[..., V]`, −inf outside the smallest set of likeliest tokens of probability ≥ p.

    More stay where there are ties. p in (0, 1], may be traced. Holtzman et al. 2020, https://arxiv.org/abs/1904.09751
    """
    ordered = -jnp.sort(-logits, axis=-1)
    probabilities = jax.nn.softmax(ordered)
    # A token stays if those before it do not reach p.
    before = jnp.cumsum(probabilities, axis=-1) - probabilities
    least = jnp.where(before < p, ordered, jnp.inf).min(axis=-1, keepdims=True)
    return jnp.where(logits >= least, logits, -jnp.inf)


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
    `width` 1 is `greedy`. Where fewer sequences than `width` exist, the rest has a score of −inf.
    Raises ValueError for a width below 1.
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

    def advance(state: Any, _: None) -> tuple[Any, tuple[Array, Array]]:
        carry, tokens, log_p, lengths, ended = state
        carry, logits = step(carry, tokens)
        size = logits.shape[-1]
        more = jax.nn.log_softmax(_precise(logits)).reshape(batch, width, size)
        stay = jnp.where(jnp.arange(size) == end, 0.0, -jnp.inf)[None, None]
        more = jnp.where(ended[..., None], stay, more)
        log_p, best = jax.lax.top_k((log_p[..., None] + more).reshape(batch, -1), width)
        parent, token = best // size, (best % size).astype(start.dtype)
        lengths = lengths[rows, parent] + ~ended[rows, parent]
        ended = ended[rows, parent] | (token == end)
        chosen = (rows * width + parent).reshape(-1)
        carry = jax.tree.map(lambda leaf: leaf[chosen], carry)
        return (carry, token.reshape(-1), log_p, lengths, ended), (parent, token)

    first = carry, tokens, log_p, lengths, jnp.zeros((batch, width), bool)
    last, steps = jax.lax.scan(advance, first, length=length)
    score = last[2] / jnp.maximum(last[3], 1) ** jnp.asarray(length_penalty, jnp.float32)
    order = jnp.argsort(-score, axis=-1)

    def trace(place: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        parent, token = step
        return parent[rows, place], token[rows, place]

    _, found = jax.lax.scan(trace, order, steps, reverse=True)
    return jnp.moveaxis(found, 0, -1), jnp.take_along_axis(score, order, axis=-1)


def _precise(logits: Array) -> Array:
    # Noise drawn in bfloat16, and sums of its logarithms, are far off.
    return logits.astype(jnp.promote_types(logits.dtype, jnp.float32))


def _generate(
    step: Step,
    carry: PyTree,
    start: Array,
    length: int,
    end: int | None,
    choose: Callable[[Array, Any], Array],
    key: Array | None = None,
) -> Array:
    def advance(state: Any, key: Array | None) -> tuple[Any, Array]:
        carry, token, ended = state
        carry, logits = step(carry, token)
        chosen = choose(logits, key).astype(token.dtype)
        if end is not None:
            chosen = jnp.where(ended, end, chosen)
            ended = ended | (chosen == end)
        return (carry, chosen, ended), chosen

    keys = None if key is None else jax.random.split(key, length)
    first = carry, start, jnp.zeros(start.shape, bool)
    return jax.lax.scan(advance, first, keys, length=length)[1].T
