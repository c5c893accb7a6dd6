import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import rel_entr
from sklearn.decomposition import PCA

from jaxdl import tasks, train
from jaxdl.models import DenseAutoencoder
from jaxdl.tasks import reconstruction

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3)).astype(np.float32)


class Doubling(nn.Module):
    """A code of 2x and an output of w · 2x, w = ½ as it begins."""

    def setup(self):
        self.weight = self.param("weight", nn.initializers.constant(0.5), ())

    def __call__(self, x, *, train):
        return self.decode(self.encode(x, train=train), train=train)

    def encode(self, x, *, train):
        return 2 * x

    def decode(self, code, *, train):
        return self.weight * code


def test_a_linear_autoencoder_reaches_the_error_of_principal_components():
    turned = np.linalg.qr(RNG.normal(size=(8, 8)))[0]
    x = RNG.normal(size=(60, 8)) * [3, 2, 1.5, 0.5, 0.5, 0.4, 0.3, 0.3] @ turned + 1
    x = x.astype(np.float32)
    task, tx = (
        reconstruction(DenseAutoencoder((8,), (), 3)),
        optax.adam(optax.cosine_decay_schedule(0.05, 8000)),
    )

    @jax.jit
    def fit(key):
        state = train.init(task, tx, key, {"x": x})
        step = lambda state, _: (train.step(task, tx, state, {"x": x})[0], None)  # noqa: E731
        state = jax.lax.scan(step, state, None, 8000)[0]
        return train.mean(train.measure(task, state, {"x": x}))["loss"]

    pca = PCA(3).fit(x)
    error = ((pca.inverse_transform(pca.transform(x)) - x) ** 2).mean()
    found = float(fit(KEY))
    assert found == pytest.approx(error, rel=1e-3)
    assert found > error * (1 - 1e-5)


def test_what_is_corrupted_is_to_be_given_back_clean():
    task = reconstruction(Doubling(), corrupt=lambda key, x: x + jax.random.normal(key, x.shape))
    params, state = jax.jit(task.init)(KEY, {"x": X})

    @functools.partial(jax.jit, static_argnames="train")
    def loss(x, seed, train):
        return task.loss(params, state, {"x": x}, jax.random.key(seed), train=train)[0]

    # The model gives back what it sees, so its error is the variance of the noise.
    many = np.broadcast_to(X[:1], (4000, 3))
    for is_training in (True, False):
        one, other = (float(loss(many, seed, is_training)) for seed in (1, 2))
        assert one == pytest.approx(1, abs=0.05)
        assert one != other
    np.testing.assert_allclose(jax.jit(task.predict)(params, state, {"x": X}), X)


def test_a_penalty_of_the_code_is_minimized_but_not_reported():
    task = reconstruction(Doubling(), code_penalty=lambda code, weights: 0.1 * code.sum())
    params = {"weight": jnp.array(1.0)}
    loss = jax.jit(functools.partial(task.loss, train=True))
    value, (_, metrics) = loss(params, {}, {"x": X}, KEY)
    np.testing.assert_allclose(train.mean(metrics)["loss"], (X**2).mean(), rtol=1e-5)
    np.testing.assert_allclose(value, (X**2).mean() + 0.2 * X.sum(), rtol=1e-5)


def test_padding_changes_nothing_and_a_weight_scales():
    task = reconstruction(
        DenseAutoencoder((3,), (4,), 2, code_activation=jax.nn.sigmoid),
        code_penalty=lambda code, weights: (
            tasks.code_divergence(code, weights, 0.1) + tasks.absolute_code(code, weights)
        ),
    )
    params, state = jax.jit(task.init)(KEY, {"x": X})

    @jax.jit
    def measure(batch):
        return jax.value_and_grad(task.loss, has_aux=True)(params, state, batch, KEY, train=True)

    padded = {
        "x": np.concatenate([X, np.full((3, 3), np.nan, np.float32)]),
        "mask": np.array([2.0] * 5 + [0.0] * 3, np.float32),
    }
    (value, (_, metrics)), gradient = measure({"x": X})
    (same, (_, weighted)), padded_gradient = measure(padded)
    np.testing.assert_allclose(same, value, rtol=1e-6)
    np.testing.assert_allclose(weighted["loss"], 2 * np.array(metrics["loss"]), rtol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        padded_gradient,
        gradient,
    )
    nothing = measure({**padded, "mask": np.zeros(8, np.float32)})[0][1][1]
    assert [float(part) for part in nothing["loss"]] == [0, 0]


def test_absolute_code_by_hand_with_a_gradient_of_zero_at_zero():
    code, weights = np.array([[1, -2], [0, 4], [9, 9]], np.float32), np.array([1.0, 3.0, 0.0])
    value, gradient = jax.jit(jax.value_and_grad(tasks.absolute_code))(code, weights)
    np.testing.assert_allclose(value, (3 + 3 * 4) / 4)
    np.testing.assert_allclose(gradient, [[0.25, -0.25], [0, 0.75], [0, 0]])


def test_code_divergence_is_scipys_and_least_where_the_mean_is_the_target():
    code, weights = RNG.uniform(0.1, 0.9, (6, 3)), RNG.uniform(0, 2, 6)
    mean = np.average(code, axis=0, weights=weights)
    expected = (rel_entr(0.2, mean) + rel_entr(0.8, 1 - mean)).sum()
    measure = jax.jit(jax.value_and_grad(tasks.code_divergence))
    np.testing.assert_allclose(measure(code, weights, 0.2)[0], expected, rtol=1e-5)
    value, gradient = measure(np.array([[0.1], [0.3]]), np.ones(2), 0.2)
    np.testing.assert_allclose(value, 0, atol=1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-5)
    assert np.isfinite(measure(np.zeros((2, 1)), np.ones(2), 0.2)[0])
