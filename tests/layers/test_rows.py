"""Rows side by side are the rows apart."""

import jax.numpy as jnp
import numpy as np

from jaxdl.layers.rows import by_rows


def test_every_row_is_what_the_layer_makes_of_it():
    x = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    kernel = np.arange(20.0, dtype=np.float32).reshape(4, 5)
    shapes = []

    def layer(rows):
        shapes.append(rows.shape)
        return rows @ kernel

    np.testing.assert_array_equal(
        by_rows(layer, jnp.asarray(x)), np.einsum("abd,dh->abh", x, kernel)
    )
    assert shapes == [(6, 4)]
