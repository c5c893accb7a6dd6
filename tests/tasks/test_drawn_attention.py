"""The task against the expected loss, a sum over all positions, with a model that is two tables."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxdl.layers.hard_attention import Drawn, draw, likeliest, log_probability
from jaxdl.tasks import drawn_attention

V, N, T = 5, 3, 2
DRAWS = 4000
BATCH = {
    "x": np.array([[4, 3, 4], [3, 4, 0], [4, 3, 3]], np.int32),
    "y": np.array([[1, 3, 2], [1, 4, 2], [1, 2, 0]], np.int32),
    "mask": np.array([1, 2, 1], np.float32),
}
REAL = np.array([[1, 1], [2, 2], [1, 0]], np.float32)


class Tables(nn.Module):
    """Scores by step and position; the logits are those of the position that is looked at."""

    @nn.compact
    def __call__(self, x, x_mask, y, *, train):
        scores = self.param("scores", nn.initializers.normal(1.0), (T, N))
        table = self.param("table", nn.initializers.normal(1.0), (N, V))
        scores = jnp.broadcast_to(scores, (len(x), T, N))
        mask = jnp.broadcast_to(x_mask[:, None], scores.shape)
        seen = draw(self.make_rng("dropout"), scores, mask) if train else likeliest(scores, mask)
        return seen @ table, Drawn(seen, log_probability(scores, seen, mask))


@pytest.fixture(scope="module")
def task():
    def first(weights, batch, of_examples):
        return {"first": ((weights[..., 0].sum(axis=1) * of_examples).sum(), of_examples.sum())}

    return drawn_attention(Tables(), looks=first)


@pytest.fixture(scope="module")
def params():
    rng = np.random.default_rng(0)
    drawn = {"scores": rng.normal(size=(T, N)), "table": rng.normal(size=(N, V))}
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), drawn)


@pytest.fixture(scope="module")
def training(task):
    @jax.jit
    def training(params, keys, batch):
        def one(key):
            def loss(params):
                return task.loss(params, {}, batch, key, train=True)

            (value, (_, metrics)), gradient = jax.value_and_grad(loss, has_aux=True)(params)
            return value, metrics, gradient

        return jax.vmap(one)(keys)

    return training


def expected_loss(params):
    """The mean over tokens of the loss at each position, by its probability."""
    mask = (BATCH["x"] != 0)[:, None]
    scores = jnp.where(mask, jnp.broadcast_to(params["scores"], (3, T, N)), -jnp.inf)
    nats = -jax.nn.log_softmax(params["table"])[:, BATCH["y"][:, 1:]]
    each = (jax.nn.softmax(scores) * jnp.moveaxis(nats, 0, 2)).sum(axis=2)
    return (each * REAL).sum() / REAL.sum()


def test_the_mean_gradient_is_that_of_the_expected_loss(params, training):
    value, metrics, gradients = training(params, jax.random.split(jax.random.key(0), DRAWS), BATCH)
    truth, slope = jax.jit(jax.value_and_grad(expected_loss))(params)
    # Five standard errors, here and below.
    error = 5 * np.std(value) / DRAWS**0.5
    assert float(jnp.mean(value)) == pytest.approx(float(truth), abs=float(error))
    np.testing.assert_allclose(metrics["loss"][0] / metrics["loss"][1], value, rtol=1e-5)
    for name, exact in slope.items():
        found = np.asarray(gradients[name])
        errors = 5 * found.std(axis=0) / DRAWS**0.5
        assert (np.abs(found.mean(axis=0) - exact) <= errors + 1e-6).all()
    assert np.abs(slope["scores"]).max() > 0.05


def test_padding_changes_nothing(params, training):
    keys = jax.random.split(jax.random.key(1), DRAWS)
    one = training(params, keys, BATCH)
    padded = BATCH | {"mask": np.array([1, 2, 0], np.float32)}
    other = padded | {"y": np.array([[1, 3, 2], [1, 4, 2], [3, 3, 4]], np.int32)}
    results = [training(params, keys, batch) for batch in (padded, other)]
    jax.tree.map(np.testing.assert_array_equal, *results)
    assert (results[0][0] != one[0]).any()


def test_after_training_the_likeliest_position_is_seen(task, params):
    evaluate = jax.jit(functools.partial(task.loss, train=False))
    loss, (_, metrics) = evaluate(params, {}, BATCH, None)
    scores = np.where((BATCH["x"] != 0)[:, None], params["scores"], -np.inf)
    best = scores.argmax(axis=2)
    log_p = log_softmax(params["table"], axis=-1)
    nats = -log_p[best, BATCH["y"][:, 1:]]
    assert float(loss) == pytest.approx((nats * REAL).sum() / REAL.sum(), rel=1e-5)
    weights = np.array([1, 2, 1])
    assert float(metrics["first"][0]) == ((best == 0).sum(axis=1) * weights).sum()
    _, drawn = jax.jit(task.predict)(params, {}, BATCH)
    np.testing.assert_array_equal(drawn.weights, np.eye(N)[best])
