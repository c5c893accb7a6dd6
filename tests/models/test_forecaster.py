"""Forecasts move with the level of the series, are ordered, and begin at the last value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.recurrent import RNN
from jaxdl.models import MLP, Acceptor, Forecaster

X = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
KEY = jax.random.key(0)


def test_quantiles_are_ordered_and_move_with_the_level():
    model = Forecaster(Acceptor(4 * 2 * 3, RNN(6)), 4)

    @jax.jit
    def run(x):
        variables = model.init(KEY, x)
        zeros = jax.tree.map(jnp.zeros_like, variables)
        shifted = model.apply(variables, x + np.float32(8))
        return model.apply(variables, x), shifted, model.apply(zeros, x)

    found, shifted, nothing = jax.device_get(run(X))
    assert found.shape == (3, 4, 2, 3)
    assert (np.diff(found, axis=-1) > 0).all()
    np.testing.assert_allclose(shifted, found + 8, atol=1e-5)
    np.testing.assert_array_equal(nothing, np.broadcast_to(X[:, -1:, :, None], nothing.shape))


def test_outputs_that_do_not_fit_are_told():
    with pytest.raises(ValueError, match="7 outputs are not 4 steps of 2 columns"):
        jax.eval_shape(Forecaster(MLP((), 7), 4).init, KEY, X)
