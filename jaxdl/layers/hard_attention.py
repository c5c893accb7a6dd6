"""Hard attention: one position, sampled. Xu et al. 2015, section 4.1, https://arxiv.org/abs/1502.03044

With scores e over the positions, α = softmax(e) and L(s) the loss when only position s is seen:

    s ~ α in training,   s = argmax α afterwards
    ∇ E[L] = E[ ∇L(s) + (L(s) − b) ∇ log α_s ]

whatever the baseline b, as long as it does not depend on s (Williams 1992). Scores are `[..., S]`;
a mask that broadcasts to them is 0 where there is nothing: such a position is never chosen,
whatever its score, NaN too. Where all are masked nothing is chosen, and the log-probability is 0.
Draws, log-probabilities and means are in float32 at least, whatever the dtype of the scores.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.layers.attention import Memory, Soft, weighted_sum
from jaxdl.numerics import wide
from jaxdl.types import Array


class Drawn(NamedTuple):
    """What hard attention gives as weights: the unit vector `[B, N]` and its log α_s `[B]`."""

    weights: Array
    log_probability: Array


class Hard(Soft):
    """The value at a drawn position in training, at the likeliest after it.

    `Soft` with `Drawn` for weights. Draws come from the `dropout` key. No gradient reaches the
    score unless `credit` is added to the losses.
    """

    def __call__(
        self, state: tuple[()], query: Array, memory: Memory, *, train: bool = False
    ) -> tuple[tuple[()], Array, Drawn]:
        scores = self.score.score(query, memory.prepared)
        if train:
            chosen = draw(self.make_rng("dropout"), scores, memory.mask)
        else:
            chosen = likeliest(scores, memory.mask)
        nats = log_probability(scores, chosen, memory.mask)
        return state, weighted_sum(chosen, memory.values), Drawn(chosen, nats)


def draw(key: Array, scores: Array, mask: Array | None = None) -> Array:
    """One position with the probabilities softmax(e): unit vectors `[..., S]`, without gradient."""
    known = jax.lax.stop_gradient(_known(scores, mask))
    return _unit(jax.random.categorical(key, known), known, mask)


def likeliest(scores: Array, mask: Array | None = None) -> Array:
    """The position of the highest score, the first of several: unit vectors `[..., S]`."""
    known = _known(scores, mask)
    return _unit(jnp.argmax(known, axis=-1), known, mask)


def log_probability(scores: Array, chosen: Array, mask: Array | None = None) -> Array:
    """log α_s of the chosen positions, unit vectors `[..., S]`, in nats: `[...]`."""
    nats = jax.nn.log_softmax(_known(scores, mask))
    return jnp.where(chosen > 0, nats, 0).sum(axis=-1)


def credit(losses: Array, log_probabilities: Array, baseline: Array) -> Array:
    """Zeros with the gradient (L − b) ∇ log α_s: added to the losses they make REINFORCE.

    All of one shape, one entry a draw; L is all that the draw changes, so that of a step in a
    sequence is the sum of the losses from there on. No gradient goes through L − b.
    """
    losses, log_probabilities, baseline = wide(losses, log_probabilities, baseline)
    advantage = jax.lax.stop_gradient(losses - baseline)
    return advantage * (log_probabilities - jax.lax.stop_gradient(log_probabilities))


def mean_of_others(losses: Array, weights: Array) -> Array:
    """For each loss the mean over the first axis without it: the baseline of a batch, unbiased.

    losses, weights: `[N, ...]`; a weight of 0 is padding. A loss with no other beside it gets 0.
    The plain mean would depend on the example's own draw, and shrink its gradient by 1/N.
    """
    losses, weights = wide(losses, weights)
    weighted = jnp.where(weights > 0, losses, 0) * weights
    others = weights.sum(axis=0, keepdims=True) - weights
    total = weighted.sum(axis=0, keepdims=True) - weighted
    return jax.lax.stop_gradient(jnp.where(others > 0, total / jnp.where(others > 0, others, 1), 0))


def _known(scores: Array, mask: Array | None) -> Array:
    (scores,) = wide(scores)
    # A finite floor: a row of nothing but −inf has no gradient.
    return scores if mask is None else jnp.where(mask != 0, scores, jnp.finfo(scores.dtype).min)


def _unit(position: Array, scores: Array, mask: Array | None) -> Array:
    chosen = jax.nn.one_hot(position, scores.shape[-1], dtype=scores.dtype)
    return chosen if mask is None else jnp.where(mask != 0, chosen, 0)
