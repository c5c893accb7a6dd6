"""Back-propagation by hand against jax.grad, in float64."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.backprop import conv, lstm, mlp, rnn
from jaxdl.layers import activations

B, T, D, H = 3, 4, 4, 6
DERIVATIVES = {
    "sigmoid": lambda z: jax.nn.sigmoid(z) * (1 - jax.nn.sigmoid(z)),
    "relu": lambda z: (z > 0).astype(z.dtype),
}


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def assert_equal(ours, theirs):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == jnp.float64
        assert np.abs(np.asarray(b)).max() > 1e-3  # a gradient to be found
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-12)


def both(reference, by_hand, cotangent, *arguments):
    """The value of a function and what jax.vjp pulls back to its arguments, and both by hand."""

    @jax.jit
    def run(cotangent, *arguments):
        value, pull = jax.vjp(reference, *arguments)
        return (value, pull(cotangent)), by_hand(cotangent, *arguments)

    return run(cotangent, *arguments)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_mlp(name):
    sizes = (D, 7, 6, 3)
    layers = [
        mlp.Layer(normal(i, *pair), normal(i + 9, pair[1]))
        for i, pair in enumerate(itertools.pairwise(sizes))
    ]
    x, labels, g = normal(5, B, D), jnp.array([0, 2, 1]), activations.ACTIVATIONS[name]

    def loss(layers):
        h = x
        for kernel, bias in layers[:-1]:
            h = g(h @ kernel + bias[None])
        log_probabilities = jax.nn.log_softmax(h @ layers[-1].kernel + layers[-1].bias[None])
        return -log_probabilities[jnp.arange(B), labels].mean()

    @jax.jit
    def run(layers):
        by_hand = mlp.loss_and_gradients(layers, x, labels, g, DERIVATIVES[name])
        return by_hand, jax.value_and_grad(loss)(layers)

    (value, gradients), (expected, theirs) = run(layers)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    assert_equal(gradients, theirs)


def test_one_linear_layer_by_hand():
    """Two examples at zero weights: p = ½, so δ = (∓½, ±½) / 2."""
    x, labels = jnp.array([[1.0], [3.0]]), jnp.array([0, 1])

    @jax.jit
    def run(layers):
        return mlp.loss_and_gradients(layers, x, labels, jnp.tanh, jnp.ones_like)

    loss, (gradient,) = run([mlp.Layer(np.zeros((1, 2)), np.zeros(2))])
    assert float(loss) == pytest.approx(np.log(2))
    np.testing.assert_allclose(gradient.kernel, [[0.5, -0.5]], atol=1e-15)
    np.testing.assert_allclose(gradient.bias, [0.0, 0.0], atol=1e-15)


def test_convolution():
    x, kernel, bias = normal(0, 2, 6, 5, 3), normal(1, 3, 2, 3, 4), normal(2, 4)
    delta = normal(3, 2, 4, 4, 4)

    def reference(x, kernel, bias):
        y = jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return y + bias[None, None, None]

    def by_hand(delta, x, kernel, bias):
        return conv.forward(x, kernel, bias), conv.backward(x, kernel, delta)

    (y, theirs), (ours, gradients) = both(reference, by_hand, delta, x, kernel, bias)
    np.testing.assert_allclose(ours, y, rtol=1e-12)
    assert_equal(gradients, theirs)


def test_elman_through_time():
    cell = rnn.Elman(normal(0, D, H), normal(1, H, H) / 2, normal(2, H))
    x, first, errors = normal(3, B, T, D), normal(4, B, H), normal(5, B, T, H)

    def reference(cell, x, first):
        def step(h, x):
            h = jnp.tanh(x @ cell.inputs + h @ cell.recurrent + cell.bias[None])
            return h, h

        return jax.lax.scan(step, first, x.swapaxes(0, 1))[1].swapaxes(0, 1)

    def by_hand(errors, cell, x, first):
        states = rnn.forward(cell, x, first)
        return states, rnn.backward(cell, x, first, states, errors)

    (states, theirs), (ours, gradients) = both(reference, by_hand, errors, cell, x, first)
    np.testing.assert_allclose(ours, states, rtol=1e-12)
    assert_equal(gradients, theirs)


def test_lstm_through_time():
    weights = lstm.LSTM(normal(0, D, 4 * H), normal(1, H, 4 * H) / 2, normal(2, 4 * H))
    x, errors = normal(3, B, T, D), normal(5, B, T, H)

    def reference(weights, x):
        def step(carry, x):
            h, c = carry
            i, f, g, o = jnp.split(
                x @ weights.inputs + h @ weights.recurrent + weights.bias[None], 4, 1
            )
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((B, H))
        return jax.lax.scan(step, (zero, zero), x.swapaxes(0, 1))[1].swapaxes(0, 1)

    def by_hand(errors, weights, x):
        steps = lstm.forward(weights, x)
        return [s.state for s in steps], lstm.backward(weights, x, steps, errors)

    (states, theirs), (ours, gradients) = both(reference, by_hand, errors, weights, x)
    np.testing.assert_allclose(np.stack(ours, 1), states, rtol=1e-12)
    assert_equal(gradients, theirs)
