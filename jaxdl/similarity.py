"""Which rows of a matrix of vectors lie in which direction: cosine, neighbours, analogies.

Levy & Goldberg 2014, https://aclanthology.org/W14-1618 (analogies); Goldberg 2017, section 11.6.
A matrix `[V, D]` has a vector a row. The cosine with a vector of zeros is 0. Indices are not
checked here: they are validated on the host.
"""

import jax
import jax.numpy as jnp

from jaxdl.types import Array


def unit(vectors: Array) -> Array:
    """v / ‖v‖ of vectors `[..., D]`; zeros stay zeros."""
    # Divided by the largest first, so that squares neither overflow nor vanish.
    largest = jnp.abs(vectors).max(axis=-1, keepdims=True)
    scaled = vectors / jnp.where(largest > 0, largest, 1)
    length = jnp.sqrt(jnp.square(scaled).sum(axis=-1, keepdims=True))
    return scaled / jnp.where(length > 0, length, 1)


def cosine(a: Array, b: Array) -> Array:
    """a·b / (‖a‖·‖b‖) of vectors of one shape `[..., D]`, giving `[...]`."""
    if a.shape != b.shape:
        raise ValueError(f"vectors of one shape are compared, not {a.shape} and {b.shape}")
    return (unit(a) * unit(b)).sum(axis=-1)


def nearest(
    matrix: Array, queries: Array, k: int, excluded: Array | None = None
) -> tuple[Array, Array]:
    """The k rows of `[V, D]` nearest to each of queries `[Q, D]`: cosines and indices, `[Q, k]`.

    Nearest first; of equals, the row of the lower index. excluded: indices `[Q, E]` of rows that
    are no answer to a query; where they leave fewer than k rows, cosines of −inf follow. One
    matrix product.
    """
    cosines = unit(queries) @ unit(matrix).T
    if excluded is not None:
        cosines = cosines.at[jnp.arange(len(queries))[:, None], excluded].set(-jnp.inf)
    return jax.lax.top_k(cosines, k)


def to_group(matrix: Array, group: Array) -> Array:
    """Mean cosine of each row of `[V, D]` with the rows at indices `[G]` of a group, `[V]`.

    All from one product, since (1/G)·Σ_g u·u_g = u·(1/G)·Σ_g u_g for unit vectors.
    """
    rows = unit(matrix)
    return rows @ rows[group].mean(axis=0)


def analogy(matrix: Array, a: Array, b: Array, c: Array, k: int = 1) -> tuple[Array, Array]:
    """What is to c as b is to a, 3CosAdd: argmax_x cos(x, b − a + c) of unit vectors.

    matrix `[V, D]`, indices a, b, c `[Q]`; the k best, cosines and indices `[Q, k]`. The words of
    the question are no answer to it.
    """
    rows = unit(matrix)
    wanted = rows[b] - rows[a] + rows[c]
    return nearest(matrix, wanted, k, excluded=jnp.stack([a, b, c], axis=1))
