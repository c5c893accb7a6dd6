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
    @jax.jit
    def run(variables, x):
        value, pull_back = jax.vjp(PReLU().apply, variables, x)
        return value, *pull_back(jnp.cos(x))

    with jax.enable_x64(True):
        variables = {"params": {"negative_slope": GOLDENS["prelu_slope"]}}
        value, by_variables, by_x = jax.device_get(run(variables, GOLDENS["x"].reshape(8, 8)))
    by_slope = by_variables["params"]["negative_slope"]
    np.testing.assert_allclose(value, GOLDENS["prelu"], rtol=1e-14, err_msg=RENEW)
    expected = GOLDENS["prelu_gradient"]
    np.testing.assert_allclose(by_x.reshape(-1), expected, rtol=1e-13, err_msg=RENEW)
    np.testing.assert_allclose(by_slope, GOLDENS["prelu_slope_gradient"], rtol=1e-12, err_msg=RENEW)


def test_prelu_starts_at_a_quarter_for_each_channel():
    x = -np.ones((2, 5, 3), np.float32)
    value, variables = jax.jit(PReLU().init_with_output)(jax.random.key(0), x)
    np.testing.assert_array_equal(variables["params"]["negative_slope"], np.full(3, 0.25))
    np.testing.assert_array_equal(value, -0.25 * np.ones((2, 5, 3)))


@pytest.mark.parametrize("leading", [(), (4,), (2, 3)])
def test_maxout_is_the_maximum_of_linear_maps(leading):
    rng = np.random.default_rng(0)
    layer = Maxout(features=5, pieces=3)

    def normal(leaf):
        return rng.standard_normal(leaf.shape, np.float32)

    x = rng.standard_normal((*leading, 6), np.float32)
    variables = jax.tree.map(normal, jax.eval_shape(layer.init, jax.random.key(0), x))
    kernel, bias = (variables["params"]["Dense_0"][name] for name in ("kernel", "bias"))
    pieces = [x @ kernel[:, k::3] + bias[k::3] for k in range(3)]
    expected = np.maximum.reduce(pieces)
    np.testing.assert_allclose(jax.jit(layer.apply)(variables, x), expected, rtol=1e-5, atol=1e-6)


def test_maxout_draws_every_piece_as_a_matrix_of_its_own():
    layer = Maxout(features=4, pieces=3, kernel_init=orthogonal)
    params = jax.device_get(jax.jit(layer.init)(jax.random.key(0), np.ones((1, 7))))["params"]
    kernel = params["Dense_0"]["kernel"]
    matrices = [kernel[:, k::3] for k in range(3)]
    for matrix in matrices:
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(4), atol=1e-6)
    assert not np.allclose(matrices[0], matrices[1], atol=1e-2)


def test_maxout_of_two_pieces_can_be_the_absolute_value():
    variables = {"params": {"Dense_0": {"kernel": jnp.array([[1.0, -1.0]]), "bias": jnp.zeros(2)}}}
    x = jnp.linspace(-2, 2, 9).reshape(-1, 1)
    np.testing.assert_array_equal(Maxout(1, 2).apply(variables, x), np.abs(x))
