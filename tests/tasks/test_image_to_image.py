import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks

RNG = np.random.default_rng(0)
X, Y = (RNG.uniform(size=(3, 2, 2, 1)).astype(np.float32) for _ in "xy")
BATCH, KEY = {"x": jnp.asarray(X), "y": jnp.asarray(Y)}, jax.random.key(0)


class Times(nn.Module):
    """x times a learned number."""

    first: float

    @nn.compact
    def __call__(self, x, *, train=False):
        return x * self.param("by", lambda key: jnp.float32(self.first))


class Judge(nn.Module):
    """A score a learned number times the sum of all channels but the last."""

    first: float = 1.0

    @nn.compact
    def __call__(self, x, *, train=False):
        by = self.param("by", lambda key: jnp.float32(self.first))
        return by * x[..., :1].sum(axis=(1, 2, 3))


def test_the_paired_loss_by_hand():
    task = tasks.paired(Times(2.0), Judge(0.5), distance=3.0, adversarial=0.25)

    @jax.jit
    def run():
        params, state = task.init(KEY, BATCH)
        return *task.loss(params, state, BATCH, KEY, train=True), task.predict(params, state, BATCH)

    value, (_, reported), made = run()
    np.testing.assert_allclose(made, 2 * X, rtol=1e-6)
    away = np.abs(2 * X - Y).mean()
    scores = {name: 0.5 * each.sum(axis=(1, 2, 3)) for name, each in (("y", Y), ("made", 2 * X))}
    game = np.log1p(np.exp(-scores["made"])).mean()  # the generator's
    game += (np.log1p(np.exp(-scores["y"])) + np.log1p(np.exp(scores["made"]))).mean()
    np.testing.assert_allclose(value, 0.25 * game + 3 * away, rtol=1e-5)
    total, count = reported["distance"]
    np.testing.assert_allclose(total / count, away, rtol=1e-5)


def test_without_the_game_it_is_regression_by_absolute_error():
    task = tasks.paired(Times(2.0), Judge(), distance=1.0, adversarial=0.0)

    @jax.jit
    def gradient():
        params, state = task.init(KEY, BATCH)
        return jax.grad(lambda p: task.loss(p, state, BATCH, KEY, train=True)[0])(params)

    found = gradient()
    np.testing.assert_allclose(
        found["generator"]["network"]["by"], (np.sign(2 * X - Y) * X).mean(), rtol=1e-5
    )
    assert found["discriminator"]["network"]["by"] == 0


@pytest.mark.parametrize(("there", "back", "expected"), [(2.0, 0.5, 0.0), (2.0, 1.0, 1.0)])
def test_the_cycle_error_by_hand(there, back, expected):
    task = tasks.unpaired(Times(there), Times(back), Judge(), Judge(), cycle=1.0)

    @jax.jit
    def run():
        params, state = task.init(KEY, BATCH)
        value, (_, reported) = task.loss(params, state, BATCH, KEY, train=True)
        return value, reported, task.predict(params, state, BATCH)

    value, reported, made = run()
    total, count = reported["cycle_distance"]
    mean = (X.mean() + Y.mean()) / 2
    np.testing.assert_allclose(total / count, expected * mean, atol=1e-6)
    games, examples = reported["loss"]
    np.testing.assert_allclose(value, games / examples + 2 * expected * mean, rtol=1e-5)
    np.testing.assert_allclose(made, there * X, rtol=1e-6)
