"""Causality and the receptive field by zero gradients; padding is not read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.causal import Causal

LAYER = Causal(3, (1, 2), width=3)
X = np.random.default_rng(0).random((8, 16, 2)).astype(np.float32)
KEY = jax.random.key(0)


def test_an_output_sees_its_step_and_those_before_and_no_padding():
    mask = np.arange(16)[None] >= np.arange(8)[:, None]

    @jax.jit
    def run(x, wild):
        # No unit is off, and padding that was let through would show by the biases.
        variables = jax.tree.map(lambda leaf: jnp.abs(leaf) + 1, LAYER.init(KEY, x))
        gradient = jax.grad(lambda x: LAYER.apply(variables, x)[1][:, 12].sum())(x)
        return gradient, *(LAYER.apply(variables, each, None, mask)[1] for each in (x, wild))

    gradient, one, two = run(X, np.where(mask[..., None], X, np.nan))
    seen = np.flatnonzero(np.abs(gradient).sum(axis=(0, 2)))
    assert LAYER.receptive_field == 7
    np.testing.assert_array_equal(seen, np.arange(6, 13))
    np.testing.assert_array_equal(one, two)
    assert (one[~mask] == 0).all()


def test_there_is_no_state():
    with pytest.raises(ValueError, match="no state"):
        jax.eval_shape(LAYER.init, KEY, X, X)
