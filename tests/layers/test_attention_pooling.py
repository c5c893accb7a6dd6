import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers import AttentionPool
from jaxdl.layers.attention_pooling import weighted

X = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def pooled():
    pool = AttentionPool(8)
    variables = jax.jit(pool.init)(jax.random.key(0), X)
    assert set(variables) == {"params"}
    return variables["params"], *jax.jit(
        lambda p: pool.apply({"params": p}, X, mutable=["intermediates"])
    )(variables["params"])


def test_weights_add_up_to_one_and_are_those_of_the_formula(pooled):
    params, given, kept = jax.tree.map(np.asarray, pooled)
    (weights,) = kept["intermediates"]["weights"]
    assert weights.shape == X.shape[:-1]
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, rtol=1e-6)
    hidden = np.tanh(X @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    scores = (hidden @ params["score"]["kernel"])[..., 0].reshape(2, -1)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights.reshape(2, -1), expected, rtol=1e-5)
    np.testing.assert_allclose(
        given, (expected[..., None] * X.reshape(2, -1, 5)).sum(axis=1), rtol=1e-4, atol=1e-6
    )


def test_a_single_weight_picks_a_position():
    weights = np.zeros(X.shape[:-1], np.float32)
    weights[0, 2, 1] = weights[1, 0, 3] = 1
    expected = np.stack([X[0, 2, 1], X[1, 0, 3]])
    np.testing.assert_array_equal(weighted(jnp.asarray(X), jnp.asarray(weights)), expected)


def test_equal_weights_are_the_mean():
    weights = np.full(X.shape[:-1], 1 / 12, np.float32)
    np.testing.assert_allclose(
        weighted(jnp.asarray(X), jnp.asarray(weights)), X.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6
    )


def test_padding_changes_nothing_and_where_all_is_padding_the_mean_is_zero(pooled):
    params, pool = {"params": pooled[0]}, AttentionPool(8)
    texts = X.reshape(2, 12, 5)
    mask = np.arange(12) < np.array([[7], [0]])
    read = jax.jit(lambda x: pool.apply(params, x, mask))
    found = np.asarray(read(np.where(mask[..., None], texts, 1e4)))
    np.testing.assert_allclose(found[0], pool.apply(params, texts[:1, :7])[0], rtol=1e-5)
    np.testing.assert_array_equal(found[1], 0)
    slope = jax.jit(jax.grad(lambda x: read(x).sum()))(texts)
    assert np.isfinite(slope).all()
    assert not np.asarray(slope)[~mask].any()
    with pytest.raises(ValueError, match=r"mask \(2, 11\) is not one for each position of x"):
        pool.apply(params, texts, mask[:, 1:])


def test_of_no_images_there_are_no_means(pooled):
    assert AttentionPool(8).apply({"params": pooled[0]}, X[:0]).shape == (0, 5)


def test_weights_of_other_positions_are_refused():
    with pytest.raises(ValueError, match=r"weights \(2, 3\) are not one for each position"):
        weighted(jnp.asarray(X), jnp.ones((2, 3)))
