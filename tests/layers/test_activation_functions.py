from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.layers.activations import ACTIVATIONS, maxout, sigmoid, softmax, tanh

GOLDENS = np.load(Path(__file__).parents[1] / "goldens" / "activations.npz")
RENEW = "if PyTorch is right and changed, run tests/goldens/make_activations.py"

SCIPY = {
    "sigmoid": scipy.special.expit,
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "gelu_exact": lambda x: x * (1 + scipy.special.erf(x / np.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
}
AT_KINK = {"relu": (0.0, 0.0), "leaky_relu": (0.0, 1.0), "hard_tanh": (1.0, 1.0)}


def slopes(x):
    """Values and derivatives of every activation, compiled as one."""

    @jax.jit
    def of_all(x):
        return {
            name: jax.vmap(jax.value_and_grad(activation))(x)
            for name, activation in ACTIVATIONS.items()
        }

    return jax.device_get(of_all(x))


@pytest.fixture(scope="module")
def doubles():
    with jax.enable_x64(True):
        return slopes(GOLDENS["x"])


@pytest.fixture(scope="module")
def far():
    return slopes(np.array([-1e4, -88, 0, 88, 1e4], np.float32))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_and_gradients_equal_pytorch(name, doubles):
    value, gradient = doubles[name]
    np.testing.assert_allclose(value, GOLDENS[name], rtol=1e-12, atol=1e-14, err_msg=RENEW)
    expected = GOLDENS[f"{name}_gradient"]
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-14, err_msg=RENEW)


@pytest.mark.parametrize("name", SCIPY)
def test_values_follow_the_formula(name):
    x = np.linspace(-8, 8, 101, dtype=np.float32)
    expected = SCIPY[name](x.astype(np.float64))
    np.testing.assert_allclose(ACTIVATIONS[name](x), expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", AT_KINK)
def test_derivative_at_the_kink_is_the_documented_one(name):
    kink, slope = AT_KINK[name]
    assert jax.grad(ACTIVATIONS[name])(kink) == slope


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_inputs_have_finite_values_and_gradients(name, far):
    value, gradient = far[name]
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@given(st.floats(-50, 50, width=32))
@settings(deadline=None)
def test_tanh_is_a_rescaled_sigmoid(x):
    np.testing.assert_allclose(tanh(x), 2 * sigmoid(2 * x) - 1, atol=3e-7)


@jax.jit
def softened(logits, temperature):
    value, pull_back = jax.vjp(softmax, logits, temperature)
    by_logits, by_temperature = pull_back(jnp.cos(logits))
    shifted = jnp.sum((softmax(logits, temperature + 1e-6) - value) * jnp.cos(logits)) / 1e-6
    return value, by_logits, by_temperature, shifted


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_softmax_equals_pytorch_with_a_traced_temperature(temperature):
    with jax.enable_x64(True):
        found = softened(GOLDENS["x"].reshape(8, 8), temperature)
    value, by_logits, by_temperature, shifted = jax.device_get(found)
    key = f"softmax_{temperature}"
    np.testing.assert_allclose(value, GOLDENS[key], rtol=1e-12, err_msg=RENEW)
    expected = GOLDENS[f"{key}_gradient"]
    np.testing.assert_allclose(by_logits.reshape(-1), expected, atol=1e-14, err_msg=RENEW)
    np.testing.assert_allclose(by_temperature, shifted, rtol=1e-4)


def test_softmax_axis_and_limits_of_temperature():
    logits = jnp.array([[1.0, 5.0], [3.0, 4.0]])
    expected = scipy.special.softmax(logits, axis=0)
    np.testing.assert_allclose(softmax(logits, axis=0), expected, rtol=1e-6)
    np.testing.assert_allclose(softmax(logits, 1e-3), [[0, 1], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(softmax(logits, 1e6), np.full((2, 2), 0.5), atol=1e-5)


def test_maxout_by_hand():
    x = jnp.array([[1.0, -2.0, 3.0, 0.0, -1.0, -5.0]])
    np.testing.assert_array_equal(maxout(x, 1), x)
    np.testing.assert_array_equal(maxout(x, 2), [[1, 3, -1]])
    np.testing.assert_array_equal(maxout(x, 3), [[3, 0]])
    gradient = jax.grad(lambda x: (maxout(x, 3) * jnp.array([[10.0, 20.0]])).sum())(x)
    np.testing.assert_array_equal(gradient, [[0, 0, 10, 20, 0, 0]])


def test_maxout_pieces_that_tie_share_the_gradient():
    assert jax.grad(lambda x: maxout(x, 2)[0])(jnp.ones(2)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("pieces", [0, 4, 7])
def test_maxout_of_uneven_pieces_is_refused(pieces):
    with pytest.raises(ValueError, match=f"{pieces} pieces"):
        maxout(jnp.ones((2, 6)), pieces)
