"""Edit (Levenshtein) distance. Levenshtein 1966; row by row: Wagner & Fischer 1974, https://doi.org/10.1145/321796.321811

d_ij = min(d_{i−1,j} + 1, d_{i,j−1} + 1, d_{i−1,j−1} + [a_i ≠ b_j])
"""

import jax
import jax.numpy as jnp

from jaxdl.types import Array


def edit_distance(a: Array, b: Array, a_length: Array, b_length: Array) -> Array:
    """The fewest ids to insert, delete or replace to make one sequence the other: int32 scalar.

    a `[N]`, b `[M]`: ids, of which the first `a_length` and `b_length` count; these may be traced.
    """
    columns = jnp.arange(len(b) + 1)

    def row(above: Array, letter: Array) -> tuple[Array, Array]:
        replaced = above[:-1] + (b != letter)
        kept = jnp.concatenate([above[:1] + 1, jnp.minimum(above[1:] + 1, replaced)])
        # What is inserted costs one a column: d_ij = min over k ≤ j of kept_k + (j − k).
        here = columns + jax.lax.cummin(kept - columns)
        return here, here

    _, below = jax.lax.scan(row, columns, a)
    return jnp.concatenate([columns[None], below])[a_length, b_length]
