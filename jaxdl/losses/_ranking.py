"""Losses of pairs and triplets: pairwise logistic as in Burges et al. 2005 (RankNet).

They compare scores, or distances between embeddings, and ask for an order instead of a value.
Margins may be traced.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.numerics import loud, norm, wide
from jaxdl.types import Array


def margin_ranking(preferred: Array, other: Array, margin: ArrayLike = 1.0) -> Array:
    """max(0, m − (s⁺ − s⁻)) for the scores s⁺ and s⁻ `[...]` of a pair, in the scores' unit.

    Zero once the preferred one leads by the margin m (Herbrich et al., 2000). At the kink the
    subgradient taken is half of that below it.
    """
    _require_same_shape(preferred, other)
    preferred, other = wide(preferred, other)
    return jnp.maximum(0, margin - (preferred - other))


def pairwise_logistic(preferred: Array, other: Array) -> Array:
    """−log σ(s⁺ − s⁻), in nats, for the scores s⁺ and s⁻ `[...]` of a pair (Burges et al., 2005).

    The negative log-likelihood that the preferred one wins, where scores are log-strengths.
    """
    _require_same_shape(preferred, other)
    preferred, other = wide(preferred, other)
    return jax.nn.softplus(other - preferred)


def triplet(anchor: Array, positive: Array, negative: Array, margin: ArrayLike = 0.2) -> Array:
    """max(0, ‖a − p‖² − ‖a − n‖² + m) for embeddings a, p, n `[..., D]` (Schroff et al., 2015).

    Gives `[...]`. The distances are squared, so no gradient divides by a distance of zero; but it
    is zero where all three embeddings are equal: what has collapsed to one point stays there.
    """
    _require_same_shape(anchor, positive)
    _require_same_shape(anchor, negative)
    anchor, positive, negative = wide(anchor, positive, negative)
    near = jnp.square(anchor - positive).sum(axis=-1)
    far = jnp.square(anchor - negative).sum(axis=-1)
    return jnp.maximum(0, near - far + margin)


def contrastive(first: Array, second: Array, same: Array, margin: ArrayLike = 1.0) -> Array:
    """½·s·d² + ½·(1 − s)·max(0, m − d)², d = ‖a − b‖, for embeddings a and b `[..., D]`.

    same: `[...]`, s = 1 where the two belong together, 0 where they do not, or a share; NaN for
    another s. Gives `[...]` (Hadsell et al., 2006). Where a = b, d has no gradient and zero is
    taken; d² is smooth there.
    """
    _require_same_shape(first, second)
    if jnp.shape(same) != jnp.shape(first)[:-1]:
        raise ValueError(f"`same` has shape {jnp.shape(same)}, not {jnp.shape(first)[:-1]}")
    first, second, same = wide(first, second, same)
    valid = jnp.abs(same - 0.5) < 0.501
    same, apart = jnp.where(valid, same, 1), first - second
    pull = jnp.square(apart).sum(axis=-1)
    push = jnp.square(jnp.maximum(0, margin - norm(apart)))
    # A square may overflow where only the other term counts.
    pull, push = jnp.where(same == 0, 0, pull), jnp.where(same == 1, 0, push)
    return loud(0.5 * (same * pull + (1 - same) * push), valid)


def _require_same_shape(a: Array, b: Array) -> None:
    if jnp.shape(a) != jnp.shape(b):
        raise ValueError(f"what is compared has one shape, not {jnp.shape(a)} and {jnp.shape(b)}")
