from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.initializers import orthogonal
from jaxdl.layers.activations import Maxout, PReLU

GOLDENS = np.load(Path(__file__).parents[1] / "goldens" / "activations.npz")
RENEW = "if PyTorch is right and changed, run tests/goldens/make_activations.py"


def test_prelu_values_and_gradients_equal_pytorch():
    with jax.enable_x64(True):
        x = jnp.asarray(GOLDENS["x"]).reshape(8, 8)
        variables = {"params": {"negative_slope": jnp.asarray(GOLDENS["prelu_slope"])}}
        value, pull_back = jax.vjp(PReLU().apply, variables, x)
        by_variables, by_x = pull_back(jnp.cos(x))
    by_slope = by_variables["params"]["negative_slope"]
    np.testing.assert_allclose(value, GOLDENS["prelu"], rtol=1e-14, err_msg=RENEW)
    expected = GOLDENS["prelu_gradient"]
    np.testing.assert_allclose(by_x.reshape(-1), expected, rtol=1e-13, err_msg=RENEW)
    np.testing.assert_allclose(by_slope, GOLDENS["prelu_slope_gradient"], rtol=1e-12, err_msg=RENEW)


def test_prelu_starts_at_a_quarter_for_each_channel():
    x = -jnp.ones((2, 5, 3))
    value, variables = PReLU().init_with_output(jax.random.key(0), x)
    np.testing.assert_array_equal(variables["params"]["negative_slope"], np.full(3, 0.25))
    np.testing.assert_array_equal(value, -0.25 * np.ones((2, 5, 3)))


@pytest.mark.parametrize("leading", [(), (4,), (2, 3)])
def test_maxout_is_the_maximum_of_linear_maps(leading):
    x = jax.random.normal(jax.random.key(1), (*leading, 6))
    layer = Maxout(features=5, pieces=3)
    variables = layer.init(jax.random.key(0), x)
    dense = variables["params"]["Dense_0"]
    dense["bias"] = jax.random.normal(jax.random.key(2), (15,))
    kernel, bias = np.asarray(dense["kernel"]), np.asarray(dense["bias"])
    pieces = [np.asarray(x) @ kernel[:, k::3] + bias[k::3] for k in range(3)]
    expected = np.maximum.reduce(pieces)
    np.testing.assert_allclose(layer.apply(variables, x), expected, rtol=1e-5, atol=1e-6)


def test_maxout_draws_every_piece_as_a_matrix_of_its_own():
    layer = Maxout(features=4, pieces=3, kernel_init=orthogonal)
    kernel = layer.init(jax.random.key(0), jnp.ones((1, 7)))["params"]["Dense_0"]["kernel"]
    matrices = [kernel[:, k::3] for k in range(3)]
    for matrix in matrices:
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(4), atol=1e-6)
    assert not np.allclose(matrices[0], matrices[1], atol=1e-2)


def test_maxout_of_two_pieces_can_be_the_absolute_value():
    variables = {"params": {"Dense_0": {"kernel": jnp.array([[1.0, -1.0]]), "bias": jnp.zeros(2)}}}
    x = jnp.linspace(-2, 2, 9).reshape(-1, 1)
    np.testing.assert_array_equal(Maxout(1, 2).apply(variables, x), np.abs(x))
