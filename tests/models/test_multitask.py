import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import Head, SharedTrunk
from jaxdl.params import by_path

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
MODEL = SharedTrunk((7, 6), {"easy": Head(2, 1), "main": Head(3, 2), "raw": Head(4, 0)}, jnp.tanh)


@pytest.fixture(scope="module")
def params():
    return jax.jit(lambda: MODEL.init(KEY, X, train=False)["params"])()


def test_equals_the_formula_at_every_depth(params):
    def dense(name, h):
        return h @ np.asarray(params[name]["kernel"]) + np.asarray(params[name]["bias"])

    flat = X.reshape(5, 6)
    low = np.tanh(dense("trunk_0", flat))
    expected = {
        "easy": dense("head_easy", low),
        "main": dense("head_main", np.tanh(dense("trunk_1", low))),
        "raw": dense("head_raw", flat),
    }
    outputs = jax.jit(lambda: MODEL.apply({"params": params}, X, train=False))()
    assert set(outputs) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(outputs[name], values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("head", "reached"),
    [
        ("raw", "head_raw"),
        ("easy", "head_easy|trunk_0"),
        ("main", "head_main|trunk_0|trunk_1"),
    ],
)
def test_the_gradient_of_a_head_is_exactly_zero_beside_and_above_it(params, head, reached):
    def loss(params):
        return (MODEL.apply({"params": params}, X, train=True)[head] ** 2).sum()

    gradient = jax.jit(jax.grad(loss))(params)
    moved = jax.tree.map(lambda leaf: bool(np.any(leaf)), gradient)
    assert moved == by_path(params, reached)


@pytest.mark.parametrize("depth", [-1, 3])
def test_a_head_needs_a_layer(depth):
    with pytest.raises(ValueError, match=f"head 'main' has depth {depth}, the trunk 2 layers"):
        SharedTrunk((7, 6), {"main": Head(3, depth)}).init(KEY, X, train=False)
