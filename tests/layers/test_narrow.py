"""Layers in bfloat16: sums in float32, what is given in the dtype of what came."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from jaxdl.backprop import conv, lstm, mlp, rnn
from jaxdl.layers import activations, attention, hard_attention, monotonic_attention, norms
from jaxdl.ops.pooling import avg_pool, global_avg_pool

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
BF16 = jnp.bfloat16


def narrow(*shape, scale=1.0):
    return jnp.asarray(RNG.normal(size=shape) * scale, BF16)


def exact(array):
    return np.asarray(array).astype(np.float64)


def test_scores_weights_and_means_of_attention():
    """Scores near 100, of which bfloat16 keeps halves: their softmax would be another one."""
    query, keys, values = narrow(2, 48, scale=4), narrow(2, 9, 48, scale=4), narrow(2, 9, 3)
    for score, divisor in ((attention.Dot(), 1), (attention.ScaledDot(), np.sqrt(48))):
        scores = score.apply({}, query, keys)
        expected = np.einsum("bq,bnq->bn", exact(query), exact(keys)) / divisor
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-4)
        context, weights = attention.attend(scores, values, jnp.ones((2, 9)))
        right = scipy.special.softmax(expected, axis=-1)
        np.testing.assert_allclose(weights, right, rtol=1e-3, atol=1e-6)
        assert context.dtype == BF16
        right = np.einsum("bn,bnd->bd", right, exact(values))
        np.testing.assert_allclose(exact(context), right, rtol=2**-8, atol=1e-3)


@pytest.mark.parametrize("masked", [True, False])
def test_a_softmax_of_many_scores(masked):
    scores = narrow(3000)
    mask = jnp.ones(3000) if masked else None
    weights = attention.masked_softmax(scores, mask)
    np.testing.assert_allclose(weights, scipy.special.softmax(exact(scores)), rtol=1e-5)


def test_log_probabilities_of_hard_attention():
    scores = jnp.array([7.0, *[0.0] * 9], BF16)
    nats = hard_attention.log_probability(scores, jnp.eye(10)[0])
    np.testing.assert_allclose(nats, -np.log1p(9 * np.exp(-7.0)), rtol=1e-4)


def test_the_head_of_monotonic_attention_passes_many_positions():
    """0.99³⁰⁰ is 0.049: 300 factors of bfloat16 would be far off."""
    p = np.full((1, 301), 0.01, BF16)
    p[0, -1] = 1
    alpha = np.asarray(monotonic_attention.expected(jnp.asarray(p)))
    np.testing.assert_allclose(alpha[0, -1], (1 - exact(p)[0, 0]) ** 300, rtol=1e-5)
    model = monotonic_attention.Monotonic(monotonic_attention.Energy(4))
    values = narrow(2, 5, 3)

    def run(module):
        memory = module.remember(values, jnp.ones((2, 5)))
        state, context, _ = module(module.begin(memory), narrow(2, 4), memory, train=False)
        return module.begin(memory), state, context

    shapes = jax.eval_shape(functools.partial(model.init_with_output, method=run), KEY)
    before, after, context = shapes[0]
    assert before.dtype == after.dtype == jnp.float32
    assert context.dtype == BF16


def test_averages_of_windows():
    x = narrow(2, 40, 3)
    for pooled, size in (
        (avg_pool(x, (20,)), 20),
        (avg_pool(x, (20,), (20,)), 20),
        (avg_pool(x, (30,), (10,)), 30),
        (global_avg_pool(x)[:, None], 40),
    ):
        assert pooled.dtype == BF16
        expected = exact(x)[:, :size].mean(axis=1)
        np.testing.assert_allclose(exact(pooled)[:, 0], expected, rtol=2**-8)
    bright = jnp.asarray(np.full((1, 4, 1), 255, np.uint8))
    np.testing.assert_array_equal(np.asarray(avg_pool(bright, (3,), (1,)))[0, :, 0], [255, 255])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_standard_deviation_of_one_around_3000_is_one_after_a_norm(dtype):
    offset = 3000 if dtype == "float32" else 64  # what each can hold
    x = jnp.asarray(offset + RNG.normal(size=(64, 32)), dtype)
    for norm in (
        norms.LayerNorm(),
        norms.GroupNorm(num_groups=1),
        functools.partial(norms.BatchNorm(), train=True),
    ):
        bound = getattr(norm, "func", norm)
        options = getattr(norm, "keywords", {})
        y, _ = bound.init_with_output(KEY, x, **options)
        axis = 0 if options else 1
        expected = (exact(x) - exact(x).mean(axis, keepdims=True)) / exact(x).std(
            axis, keepdims=True
        )
        np.testing.assert_allclose(exact(y), expected, atol=2e-3)


def test_softmax_and_gelu_round_once():
    z = narrow(200, scale=3)
    right = scipy.special.softmax(exact(z) / 0.7)
    soft = activations.softmax(z, 0.7)
    assert soft.dtype == BF16
    np.testing.assert_allclose(exact(soft), right, rtol=2**-8)
    u = np.sqrt(8 / np.pi) * (exact(z) + 0.044715 * exact(z) ** 3)
    for gelu, expected in (
        (activations.gelu_exact, exact(z) * scipy.special.ndtr(exact(z))),
        (activations.gelu_tanh, exact(z) * scipy.special.expit(u)),
    ):
        np.testing.assert_allclose(exact(gelu(z)), expected, rtol=2**-8)
    np.testing.assert_array_equal(activations.softmax(jnp.array([1, 2, 2]), 0.0), [0, 0.5, 0.5])


def test_back_propagation_by_hand_adds_up_many_steps():
    """600 equal terms: bfloat16 stops at 256."""
    ones, zeros = (functools.partial(make, dtype=BF16) for make in (np.ones, np.zeros))
    cell = rnn.Elman(*map(jnp.asarray, (ones((1, 1)), zeros((1, 1)), ones(1))))
    zero, x = jnp.asarray(zeros((1, 1))), jnp.asarray(ones((1, 600, 1)))
    gradients, _, _ = rnn.backward(cell, x, zero, jnp.asarray(zeros((1, 600, 1))), x)
    assert [float(np.asarray(leaf).flat[0]) for leaf in gradients] == [600, 0, 600]
    assert all(leaf.dtype == BF16 for leaf in gradients)
    kernel, bias, once = (jnp.asarray(ones(s)) for s in ((20, 20, 1, 1), 1, (1, 1, 1, 1)))
    image = jnp.asarray(ones((1, 20, 20, 1)))
    # 401 is between two.
    assert float(np.asarray(conv.forward(image, kernel, bias))[0, 0, 0, 0]) == 400
    by_x, by_kernel, _ = conv.backward(image, once, image)
    assert float(np.asarray(by_kernel)[0, 0, 0, 0]) == 400
    assert by_x.dtype == BF16
    small = lstm.LSTM(*(jnp.asarray(zeros(shape)) for shape in ((1, 4), (1, 4), (4,))))

    def backward(x):
        return lstm.backward(small, x, lstm.forward(small, x), x)[0]

    few = jax.ShapeDtypeStruct((1, 3, 1), BF16)
    assert all(leaf.dtype == BF16 for leaf in jax.eval_shape(backward, few))


def test_the_loss_by_hand_is_nan_for_what_is_no_class():
    layers = [mlp.Layer(jnp.ones((2, 3)), jnp.zeros(3))]
    loss, gradients = mlp.loss_and_gradients(
        layers, jnp.ones((1, 2)), jnp.array([-1]), jnp.tanh, jnp.cos
    )
    assert np.isnan(loss)
    assert np.isnan(gradients[0].kernel).all()
