import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.spatial.distance import jensenshannon

from jaxdl import tasks, train
from jaxdl.layers.norms import BatchNorm
from jaxdl.models import Discriminator, Generator

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
BATCH = {"x": X, "y": np.array([0, 1, 2, 0, 1, 2], np.int32)}
GAMES = {
    "saturating": tasks.SATURATING,
    "non-saturating": tasks.NON_SATURATING,
    "wasserstein": tasks.WASSERSTEIN,
}


class Point(nn.Module):
    """Generates one point, θ."""

    @nn.compact
    def __call__(self, z, y, *, train):
        return jnp.tile(self.param("point", nn.initializers.zeros, (1, 2)), (len(z), 1))


class Slope(nn.Module):
    """Scores w·x."""

    @nn.compact
    def __call__(self, x, y, *, train):
        return x @ self.param("slope", nn.initializers.zeros, (2,))


class Standardized(nn.Module):
    @nn.compact
    def __call__(self, x, y, *, train):
        return BatchNorm()(x, train=train).sum(axis=1)


def players(**options):
    models = Generator((5,), (2,), num_classes=3), Discriminator((5,), num_classes=3)
    return tasks.gan(*models, 4, **options)


def by_hand(point, slope, **options):
    task = tasks.gan(Point(), Slope(), 1, **options)
    params = {
        "generator": {"point": np.array([point], np.float32)},
        "discriminator": {"slope": np.array(slope, np.float32)},
    }
    return task, params


def measure(task, params, state, batch, key=KEY, train=True):
    return jax.jit(functools.partial(task.loss, train=train))(params, state, batch, key)


@pytest.mark.parametrize(
    ("game", "generator", "discriminator"),
    [
        ("saturating", np.log(3 / 4), -np.log(3 / 4) - np.log(3 / 4)),
        ("non-saturating", -np.log(1 / 4), -np.log(3 / 4) - np.log(3 / 4)),
        ("wasserstein", np.log(3), -2 * np.log(3)),
    ],
)
def test_losses_by_hand(game, generator, discriminator):
    # Scores ± log 3 are probabilities 3/4 and 1/4.
    scores = np.log(np.array([3.0, 1 / 3], np.float32))
    task, params = by_hand([scores[1], 0.0], [1.0, 5.0], game=GAMES[game])
    batch = {"x": np.array([[scores[0], 0]], np.float32)}
    empty = {"generator": {}, "discriminator": {}}
    value, (_, metrics) = measure(task, params, empty, batch)
    means = train.mean(metrics)
    np.testing.assert_allclose(means["generator_loss"], generator, rtol=1e-5)
    np.testing.assert_allclose(means["discriminator_loss"], discriminator, rtol=1e-5)
    np.testing.assert_allclose(means["real_score"], np.log(3), rtol=1e-5)
    np.testing.assert_allclose(means["fake_score"], -np.log(3), rtol=1e-5)
    np.testing.assert_allclose(value, generator + discriminator, rtol=1e-5)


@pytest.mark.parametrize("p", [[0.5, 0.5], [0.75, 0.25], [0.1, 0.9]])
def test_best_discriminator_of_two_points_measures_their_jensen_shannon_divergence(p):
    p, q = np.array(p), np.array([0.5, 0.5])

    def loss(scores):
        points = scores[:, None], scores[None, :]
        values = tasks.NON_SATURATING.discriminator(*jnp.broadcast_arrays(*points))
        return (p[:, None] * q[None, :] * values).sum()

    value, gradient = jax.jit(jax.value_and_grad(loss))(np.log(p / q).astype(np.float32))
    divergence = jensenshannon(p, q) ** 2
    np.testing.assert_allclose(value, 2 * np.log(2) - 2 * divergence, rtol=1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-7)


def test_saturating_gradient_vanishes_where_the_other_stays():
    games = tasks.SATURATING, tasks.NON_SATURATING
    saturating, non_saturating = jax.jit(
        lambda sure: [jax.grad(game.generator)(sure) for game in games]
    )(-20.0)
    assert abs(saturating) < 1e-8
    assert non_saturating == pytest.approx(-1)


@pytest.mark.parametrize(("slope", "norm"), [([0.6, 0.8], 1), ([3.0, 4.0], 5), ([0.0, 0.0], 0)])
def test_gradient_penalty_of_a_linear_critic(slope, norm):
    penalty = tasks.gradient_penalty(10.0)

    def mean(slope):
        return penalty(lambda x: x @ slope, X, X[::-1], KEY).mean()

    value, gradient = jax.jit(jax.value_and_grad(mean))(np.array(slope, np.float32))
    np.testing.assert_allclose(value, 10 * (norm - 1) ** 2, atol=1e-5)
    direction = np.array(slope) / max(norm, 1)
    np.testing.assert_allclose(gradient, 20 * (norm - 1) * direction, atol=1e-4)


def test_gradient_penalty_looks_between_real_and_generated():
    """The slope of ½x² is x itself, so the penalty tells where it was taken."""
    real, fake = np.zeros((1000, 1), np.float32), np.full((1000, 1), 2, np.float32)
    penalty = tasks.gradient_penalty(1.0)
    values = jax.jit(lambda: penalty(lambda x: (x**2).sum(axis=1) / 2, real, fake, KEY))()
    between = np.sqrt(values)  # |2u − 1|, u uniform
    assert float(between.max()) <= 1
    assert float(between.mean()) == pytest.approx(0.5, abs=0.04)


def test_wasserstein_gradients_by_hand():
    task, params = by_hand(
        [1.0, -2.0], [3.0, 4.0], game=tasks.WASSERSTEIN, penalty=tasks.gradient_penalty(0.5)
    )

    def loss(params):
        state = {"generator": {}, "discriminator": {}}
        return task.loss(params, state, {"x": X}, KEY, train=True)[0]

    gradient = jax.jit(jax.grad(loss))(params)
    np.testing.assert_allclose(gradient["generator"]["point"], [[-3, -4]], rtol=1e-6)
    slope = np.array([1, -2]) - X.mean(axis=0) + 0.5 * 2 * (5 - 1) * np.array([0.6, 0.8])
    np.testing.assert_allclose(gradient["discriminator"]["slope"], slope, rtol=1e-5)


def test_neither_loss_moves_the_params_of_the_other():
    task = players(penalty=tasks.gradient_penalty())
    params, model_state = jax.jit(task.init)(KEY, BATCH)

    @jax.jit
    @jax.jacrev
    def jacobian(params):
        metrics = task.loss(params, model_state, BATCH, KEY, train=True)[1][1]
        return {name: total for name, (total, _) in metrics.items()}

    moved = jax.tree.map(lambda leaf: bool(np.any(leaf)), jax.device_get(jacobian(params)))
    moved = {
        loss: {player: any(jax.tree.leaves(part)) for player, part in parts.items()}
        for loss, parts in moved.items()
    }
    assert moved["generator_loss"] == {"generator": True, "discriminator": False}
    for loss in ("discriminator_loss", "penalty"):
        assert moved[loss] == {"generator": False, "discriminator": True}


def test_padding_changes_nothing_and_a_weight_scales():
    task = players(penalty=tasks.gradient_penalty())
    params, model_state = jax.jit(task.init)(KEY, BATCH)
    padded = {
        "x": np.concatenate([X, np.full((2, 2), np.nan, np.float32)]),
        "y": np.concatenate([BATCH["y"], BATCH["y"][:2]]),
        "mask": np.array([1, 1, 1, 1, 1, 1, 0, 0], np.float32),
    }

    @jax.jit
    def value_and_grad(params, batch):
        return jax.value_and_grad(task.loss, has_aux=True)(
            params, model_state, batch, KEY, train=True
        )

    (value, (_, metrics)), gradient = value_and_grad(params, BATCH)
    (same, (_, padded_metrics)), padded_gradient = value_and_grad(params, padded)
    np.testing.assert_allclose(same, value, rtol=1e-6)
    for trees in ((padded_metrics, metrics), (padded_gradient, gradient)):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), *trees)
    doubled = {**BATCH, "mask": np.full(6, 2, np.float32)}
    (twice, (_, heavy)), _ = value_and_grad(params, doubled)
    np.testing.assert_allclose(twice, value, rtol=1e-6)
    np.testing.assert_allclose(heavy["loss"], 2 * np.array(metrics["loss"]), rtol=1e-6)


def test_samples_follow_their_noise_and_label_and_evaluation_its_key():
    task = players()
    params, state = jax.jit(task.init)(KEY, BATCH)
    z = np.random.default_rng(1).standard_normal((6, 4), np.float32)
    moved = z + np.eye(6, 1, dtype=np.float32)
    predict = jax.jit(task.predict)

    def sample(z, y):
        return np.asarray(predict(params, state, {"z": z, "y": y}))

    np.testing.assert_array_equal(sample(z, BATCH["y"]), sample(z, BATCH["y"]))
    changed = (sample(z, BATCH["y"]) != sample(moved, BATCH["y"].clip(max=1))).any(1)
    np.testing.assert_array_equal(changed, [True, False, True, False, False, True])
    evaluate = jax.jit(
        lambda seed: task.loss(params, state, BATCH, jax.random.key(seed), train=False)[0]
    )
    losses = [float(evaluate(seed)) for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_statistics_pass_through_the_real_batch_and_then_the_generated_one():
    task = tasks.gan(Point(), Standardized(), 1)
    params, state = jax.jit(task.init)(KEY, {"x": X})
    params["generator"]["point"] = np.array([[5, 7]], np.float32)
    after = measure(task, params, state, {"x": X})[1][0]
    means = after["discriminator"]["batch_stats"]["BatchNorm_0"]["mean"]
    expected = 0.9 * (0.1 * X.mean(axis=0)) + 0.1 * np.array([5, 7])
    np.testing.assert_allclose(means, expected, rtol=1e-5)
    unchanged = measure(task, params, state, {"x": X}, train=False)[1][0]
    jax.tree.map(np.testing.assert_array_equal, unchanged, state)


def test_each_player_has_its_own_optimizer_and_the_generator_waits():
    task, params = by_hand([0.0, 0.0], [1.0, 0.0], game=tasks.WASSERSTEIN)
    tx = tasks.two_player(optax.sgd(0.5), optax.sgd(0.0), discriminator_steps=3)
    state = jax.jit(lambda: train.init(task, tx, KEY, {"x": X}))()._replace(params=params)
    points, step = [], jax.jit(lambda state: train.step(task, tx, state, {"x": X})[0])
    for _ in range(6):
        state = step(state)
        points.append(float(state.params["generator"]["point"][0, 0]))
    assert points == [0, 0, 0.5, 0.5, 0.5, 1.0]


def test_rates_may_be_traced():
    task = players()

    def run(rates):
        tx = tasks.two_player(optax.sgd(rates[0]), optax.adam(rates[1]))
        state = train.init(task, tx, KEY, BATCH)
        return train.step(task, tx, state, BATCH)[0].params, state.params

    rates = np.array([[0.0, 0.1], [0.1, 0.0]], np.float32)
    (after, before) = jax.device_get(jax.jit(jax.vmap(run))(rates))
    # What is drawn may be rounded twice, once in each of the two results.
    moved = jax.tree.map(lambda a, b: (abs(a - b) > 1e-6).reshape(2, -1).any(axis=1), after, before)
    for player, lanes in (("generator", [False, True]), ("discriminator", [True, False])):
        np.testing.assert_array_equal(np.any(jax.tree.leaves(moved[player]), axis=0), lanes)
