"""Dropped weights of recurrent layers (Merity et al. 2018), read off from what the layers do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.cells import ELMAN, GRU, PEEPHOLE
from jaxdl.layers.recurrent import RNN

KEY = jax.random.key(0)
H = 40
X, FIRST = np.zeros((H, 2, 1), np.float32), (np.eye(H, dtype=np.float32),)


@pytest.fixture(scope="module")
def elman():
    """h' = tanh(h U) of two sequences that begin with unit vectors: h tells the rows of U."""
    rnn = RNN(H, ELMAN, weight_drop=0.25)
    params = jax.jit(rnn.init)(KEY, X)

    @jax.jit
    def run(params, rate, key):
        def outputs(params):
            dropping = RNN(H, ELMAN, weight_drop=rate)
            y = dropping.apply(params, X, FIRST, train=True, rngs={"dropout": key})[1]
            return y.sum(), y

        gradient, y = jax.grad(outputs, has_aux=True)(params)
        return y, gradient

    return params, lambda *arguments: jax.device_get(run(*arguments))


def test_one_draw_of_weights_for_all_steps_and_sequences(elman):
    params, run = elman
    recurrent = np.asarray(params["params"]["recurrent_kernel"])
    y, gradient = run(params, 0.25, KEY)
    used = np.arctanh(y[:, 0].astype(np.float64))
    dropped = np.abs(used) < 1e-7
    np.testing.assert_allclose(used[~dropped], (recurrent / 0.75)[~dropped], rtol=1e-3, atol=1e-6)
    # Five standard errors of 1600 draws.
    assert abs(dropped.mean() - 0.25) < 5 * (0.25 * 0.75 / dropped.size) ** 0.5
    np.testing.assert_allclose(y[:, 1], np.tanh(y[:, 0] @ used), atol=1e-5)
    assert (gradient["params"]["recurrent_kernel"][dropped] == 0).all()
    other = run(params, 0.25, jax.random.key(1))[0]
    assert np.abs(other - y).max() > 1e-3


def test_a_traced_rate_of_zero_drops_nothing_and_evaluation_neither(elman):
    params, run = elman
    y, _ = run(params, 0.0, KEY)
    plain, evaluated = jax.jit(
        lambda: [
            rnn.apply(params, X, FIRST, train=False)[1]
            for rnn in (RNN(H, ELMAN), RNN(H, ELMAN, weight_drop=0.5))
        ]
    )()
    np.testing.assert_allclose(y, plain, atol=1e-6)
    np.testing.assert_array_equal(evaluated, plain)


def test_any_matrix_of_a_cell_is_dropped_and_no_other():
    """All but everything is dropped: what is left of a gradient are the other matrices."""
    x = jnp.ones((1, 3, 2))
    rnn = RNN(3, PEEPHOLE, weight_drop=1 - 1e-6, dropped=("kernel", "peepholes"))

    @jax.jit
    def gradient():
        def total(params):
            return rnn.apply(params, x, train=True, rngs={"dropout": KEY})[1].sum()

        params = jax.tree.map(lambda leaf: leaf + 0.1, rnn.init(KEY, x))
        return jax.grad(total)(params)["params"]

    moved = {name: bool(np.any(leaf)) for name, leaf in gradient().items()}
    expected = {"kernel": False, "recurrent_kernel": True, "bias": True, "peepholes": False}
    assert moved == expected


def test_a_matrix_that_a_cell_has_not_is_named():
    with pytest.raises(
        ValueError, match=r"no matrix \['peepholes'\] to drop weights of.*inner_bia"
    ):
        RNN(2, GRU, weight_drop=0.5, dropped=("peepholes",)).init(KEY, jnp.ones((1, 1, 1)))
