import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxdl.word_vectors import full_softmax, windows

RNG = np.random.default_rng(0)


def test_the_full_softmax_is_that_of_scipy():
    hidden, output = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(5, 4))
    words, near = RNG.integers(5, size=(2, 7)), RNG.integers(2, size=(2, 3, 7))
    expected = -sum(
        log_softmax(output @ hidden[m, t])[words[m, s]] for m, t, s in np.argwhere(near)
    )
    narrow = (array.astype(np.float32) for array in (hidden, output))
    found = jax.jit(full_softmax.loss)(*narrow, words, near)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_step_is_one_of_dense_descent():
    blocks = windows.Blocks(jnp.array([[0, 2, 2, 1]]), jnp.array([[[1.0, 0, 1, 0], [0, 1, 0, 1]]]))
    params = {name: RNG.normal(size=(5, 4)).astype(np.float32) for name in ("input", "output")}

    def loss(params):
        hidden = params["input"][blocks.centres]
        return full_softmax.loss(hidden, params["output"], blocks.words, blocks.near)

    @jax.jit
    def both(params):
        return jax.grad(loss)(params), full_softmax.step(params, blocks, 0.3)

    gradient, stepped = jax.device_get(both(params))
    for name, table in params.items():
        np.testing.assert_allclose(stepped[name], table - 0.3 * gradient[name], atol=1e-5)
        assert np.abs(gradient[name]).max() > 0.01
