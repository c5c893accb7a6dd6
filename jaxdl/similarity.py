"""Cosine similarity, nearest neighbours and analogies of the rows of a matrix.

Levy & Goldberg 2014, https://aclanthology.org/W14-1618 (analogies); Goldberg 2017, section 11.6.
A matrix `[V, D]` has a vector a row. The cosine with a vector of zeros is 0, and so is its gradient
there. Cosines are computed and returned in float32, from narrower vectors too, or in float64.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxdl.numerics import moderate, narrowed, root, wide
from jaxdl.types import Array


def unit(vectors: Array) -> Array:
    """v / ‖v‖ of vectors `[..., D]`, in their dtype; zeros stay zeros, without a gradient."""
    return narrowed(_unit(vectors), vectors)


def _unit(vectors: Array) -> Array:
    (vectors,) = wide(vectors)
    scaled, _ = moderate(vectors, -1)
    length = root(jnp.square(scaled).sum(axis=-1, keepdims=True))
    units = scaled / jnp.where(length == 0, 1, length)
    # Zeros have no direction, so that no change of them has one.
    return jnp.where(length == 0, jax.lax.stop_gradient(units), units)


def cosine(a: Array, b: Array) -> Array:
    """a·b / (‖a‖·‖b‖) of vectors of one shape `[..., D]`, giving `[...]`."""
    if a.shape != b.shape:
        raise ValueError(f"vectors of one shape are compared, not {a.shape} and {b.shape}")
    a, b = wide(a, b)
    return (_unit(a) * _unit(b)).sum(axis=-1)


def nearest(
    matrix: Array, queries: Array, k: int, excluded: Array | None = None
) -> tuple[Array, Array]:
    """The k rows of `[V, D]` nearest to each of queries `[Q, D]`: cosines and indices, `[Q, k]`.

    Nearest first; of equals, the row of the lower index. excluded: indices `[Q, E]` of rows that
    are no answer to a query; one outside the matrix, such as −1, excludes nothing. Where they leave
    fewer than k rows, cosines of −inf follow, and so does a row with a NaN. One matrix product.
    """
    cosines = _cosines(*wide(queries, matrix))
    cosines = jnp.where(jnp.isnan(cosines), -jnp.inf, cosines)
    if excluded is not None:
        rows = jnp.arange(len(queries))[:, None]
        excluded = jnp.where(jnp.asarray(excluded) < 0, len(matrix), excluded)
        cosines = cosines.at[rows, excluded].set(-jnp.inf, mode="drop")
    return jax.lax.top_k(cosines, k)


def same_group(kinds: Mapping[str, Array], groups: Array, mask: Array) -> dict[str, Array]:
    """Share of vectors `[N, D]` of each kind whose nearest other, by cosine, is of their group.

    groups, mask: `[N]`; what the mask has 0 for neither counts nor is near.
    """
    others = (mask > 0)[None] & ~jnp.eye(len(mask), dtype=bool)
    shares = {}
    for name, vectors in kinds.items():
        rows = unit(vectors)
        nearest = jnp.where(others, rows @ rows.T, -jnp.inf).argmax(axis=1)
        shares[name] = ((groups[nearest] == groups) * mask).sum() / mask.sum()
    return shares


def to_group(matrix: Array, group: Array) -> Array:
    """Mean cosine of each row of `[V, D]` with the rows at indices `[G]` of a group, `[V]`.

    All from one product, since (1/G)·Σ_g u·u_g = u·(1/G)·Σ_g u_g for unit vectors. NaN for an index
    outside the matrix.
    """
    rows = _unit(matrix)
    return jnp.matmul(rows, _rows(rows, group).mean(axis=0), precision="highest")


def analogy(matrix: Array, a: Array, b: Array, c: Array, k: int = 1) -> tuple[Array, Array]:
    """What is to c as b is to a, 3CosAdd: argmax_x cos(x, b − a + c) of unit vectors.

    matrix `[V, D]`, indices a, b, c `[Q]`; the k best, cosines and indices `[Q, k]`. The words of
    the question are no answer to it. Cosines are −inf for an index outside the matrix.
    """
    rows = _unit(matrix)
    wanted = _rows(rows, b) - _rows(rows, a) + _rows(rows, c)
    return nearest(matrix, wanted, k, excluded=jnp.stack([a, b, c], axis=1))


def _cosines(a: Array, b: Array) -> Array:
    # The default precision of an accelerator's products has 8 or 10 bits, too few for an order.
    return jnp.matmul(_unit(a), _unit(b).T, precision="highest")


def _rows(matrix: Array, indices: Array) -> Array:
    return matrix.at[indices].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
