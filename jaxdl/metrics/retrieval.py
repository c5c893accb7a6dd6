"""Retrieval metrics: rank, recall at k, mean reciprocal rank.

Voorhees 1999, https://trec.nist.gov/pubs/trec8/papers/qa_report.pdf (mean reciprocal rank).
"""

from collections.abc import Sequence

import jax.numpy as jnp

from jaxdl.numerics import wide
from jaxdl.types import Array


def ranks(scores: Array) -> Array:
    """Rank of candidate i for query i, 1 the best: scores `[Q, C]`, C ≥ Q, to float32 `[Q]`.

    Higher is nearer. Of equals the right one stands in their middle, so that a constant score ranks
    as chance does. NaN in a query's scores puts its own last. Raises ValueError for C < Q.
    """
    queries, candidates = scores.shape
    if candidates < queries:
        raise ValueError(f"{queries} queries have no candidates of their own among {candidates}")
    own = jnp.diagonal(scores)[:, None]
    better = (scores > own).sum(axis=1).astype(jnp.float32)
    equal = (scores == own).sum(axis=1).astype(jnp.float32)
    rank = 1 + better + (equal - 1) / 2
    return jnp.where(jnp.isnan(scores).any(axis=1), candidates, rank)


def measures(ranks: Array, within: Sequence[int] = (1, 10)) -> dict[str, Array]:
    """Means over ranks `[Q]`: `recall_k`, the share that is at most k, and `mrr`, of 1/rank.

    In float32, or in float64 where the ranks are.
    """
    (ranks,) = wide(ranks)
    found = {f"recall_{k}": (ranks <= k).mean(dtype=ranks.dtype) for k in within}
    return found | {"mrr": (1 / ranks).mean()}
