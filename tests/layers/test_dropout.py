import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.dropout import Dropout

X = jnp.ones((200, 100))


def drop(rate, x=X, seed=0, train=True):
    return Dropout(rate).apply({}, x, train=train, rngs={"dropout": jax.random.key(seed)})


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_mean_is_preserved_and_share_dropped_is_the_rate(rate):
    y = drop(rate)
    # 20,000 draws: five standard errors.
    error = 5 * np.sqrt(rate / (1 - rate) / X.size)
    assert abs(float(y.mean()) - 1) < error
    assert abs(float((y == 0).mean()) - rate) < error
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)


def test_identity_in_evaluation_and_at_rate_zero():
    assert (drop(0.5, train=False) == X).all()
    assert (drop(0.0) == X).all()
    # At rate zero no random numbers are asked for.
    assert (Dropout(0.0).apply({}, X, train=True) == X).all()


def test_same_key_same_mask():
    assert (drop(0.5) == drop(0.5)).all()
    assert (drop(0.5) != drop(0.5, seed=1)).any()


def test_traced_rate_equals_static_rate_in_every_placement():
    rates = jnp.array([0.0, 0.25, 0.5])
    expected = jnp.stack([drop(jnp.float32(rate)) for rate in rates])
    np.testing.assert_array_equal(jax.vmap(drop)(rates), expected)
    np.testing.assert_array_equal(jax.lax.map(drop, rates), expected)
    np.testing.assert_array_equal(expected[2], drop(0.5))


def test_gradient_is_the_mask_and_finite_at_rate_one():
    y, gradient = jax.value_and_grad(lambda x: drop(jnp.float32(0.5), x).sum())(X)
    assert float(gradient.sum()) == pytest.approx(float(y))
    gradient = jax.grad(lambda x: drop(jnp.float32(1.0), x).sum())(X)
    assert (gradient == 0).all()


def test_dtype_is_kept():
    assert drop(0.5, X.astype(jnp.bfloat16)).dtype == jnp.bfloat16
