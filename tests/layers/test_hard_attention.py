import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxdl.layers.attention import General, Soft
from jaxdl.layers.hard_attention import (
    Hard,
    credit,
    draw,
    likeliest,
    log_probability,
    mean_of_others,
)

SCORES = np.array([[0.3, -1.0, 0.7, 0.1], [1.5, 0.2, -0.4, 0.9]], np.float32)
MASK = np.array([[1, 0, 1, 1], [1, 1, 1, 0]])
UNITS = np.eye(3)
BASELINES = (None, 0.0, 1.5)


def losses_of(theta, chosen):
    """What two examples lose where they look, `chosen [2, 3]`; it depends on theta by itself."""
    table = jnp.sin(theta["seen"] * jnp.arange(1.0, 7.0).reshape(2, 3)) + jnp.array(
        [[0.5, 2.0, 3.5], [1.0, 0.2, 2.0]]
    )
    return (table * chosen).sum(axis=1)


def scores_of(theta):
    return theta["score"][None] * jnp.array([[1.0, 1.0, 1.0], [0.5, -1.0, 2.0]])


def estimate(theta, chosen, baseline):
    losses = losses_of(theta, chosen)
    b = mean_of_others(losses, jnp.ones(2)) if baseline is None else jnp.full(2, baseline)
    return (losses + credit(losses, log_probability(scores_of(theta), chosen), b)).mean()


def exact(theta):
    """The expected loss, as a sum over all positions."""
    alpha = jax.nn.softmax(scores_of(theta))
    each = jnp.stack([losses_of(theta, jnp.tile(unit, (2, 1))) for unit in UNITS], axis=1)
    return (alpha * each).sum(axis=1).mean()


@pytest.fixture(scope="module")
def enumerated():
    """Gradients for every pair of positions, with their probabilities, and the exact gradient."""
    with jax.enable_x64(True):
        theta = {"score": np.array([0.4, -0.3, 0.9]), "seen": np.array(0.7)}
        pairs = np.array(list(itertools.product(UNITS, UNITS)))

        @jax.jit
        def run(theta, pairs):
            def gradient(chosen, baseline):
                return ravel_pytree(jax.grad(estimate)(theta, chosen, baseline))[0]

            found = [
                jax.vmap(functools.partial(gradient, baseline=baseline))(pairs)
                for baseline in BASELINES
            ]
            truth = ravel_pytree(jax.grad(exact)(theta))[0]
            return jax.nn.softmax(scores_of(theta)), found, truth

        alpha, found, truth = jax.device_get(run(theta, pairs))
    chances = (pairs * alpha).sum(axis=2).prod(axis=1)
    return chances, dict(zip(BASELINES, found, strict=True)), truth


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_mean_gradient_over_all_draws_is_that_of_the_expected_loss(enumerated, baseline):
    chances, gradients, truth = enumerated
    assert chances.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(chances @ gradients[baseline], truth, rtol=1e-10)


def test_a_good_baseline_lowers_the_variance_of_the_gradient(enumerated):
    chances, gradients, truth = enumerated
    variance = {b: chances @ ((g - truth) ** 2).sum(axis=1) for b, g in gradients.items()}
    assert variance[1.5] < 0.6 * variance[0.0]


def test_credit_is_a_gradient_and_no_value():
    losses, nats = np.array([0.5, 2], np.float32), np.array([-1, -3], np.float32)
    np.testing.assert_array_equal(jax.jit(credit)(losses, nats, losses * 0), 0)


def test_positions_are_drawn_as_often_as_their_weights_say():
    rows = (4000, 2, 4)
    scores, mask = np.broadcast_to(SCORES, rows), np.broadcast_to(MASK, rows)
    drawn = np.asarray(jax.jit(lambda key: draw(key, scores, mask))(jax.random.key(0)))
    masked = np.where(MASK, np.exp(SCORES), 0)
    alpha = masked / masked.sum(axis=1, keepdims=True)
    # Five standard errors.
    error = 5 * np.sqrt(alpha * (1 - alpha) / 4000)
    assert (np.abs(drawn.mean(axis=0) - alpha) <= error).all()
    assert set(np.unique(drawn)) == {0, 1}
    assert (drawn.sum(axis=-1) == 1).all()
    chosen = np.eye(4, dtype=np.float32)[[2, 0]]
    np.testing.assert_allclose(
        log_probability(SCORES, chosen, MASK), np.log([alpha[0, 2], alpha[1, 0]]), rtol=1e-6
    )


def test_the_likeliest_position_is_chosen_after_training():
    np.testing.assert_array_equal(likeliest(SCORES, MASK), np.eye(4)[[2, 0]])


def test_masked_positions_change_nothing_whatever_they_hold():
    key = jax.random.key(1)

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def measure(scores, filling):
        scores = jnp.where(MASK != 0, scores, filling)
        chosen = draw(key, scores, MASK)
        return log_probability(scores, chosen, MASK).sum(), (chosen, likeliest(scores, MASK))

    results = [jax.device_get(measure(SCORES, x)) for x in (0.0, 50.0, np.nan)]
    for other in results[1:]:
        jax.tree.map(np.testing.assert_array_equal, other, results[0])
    assert (results[0][0][MASK == 0] == 0).all()


def test_where_all_is_masked_nothing_is_chosen():
    nothing = np.zeros_like(MASK)

    @jax.jit
    def run(scores):
        chosen = draw(jax.random.key(0), scores, nothing)
        nats = jax.value_and_grad(lambda each: log_probability(each, chosen, nothing).sum())(scores)
        return chosen, likeliest(scores, nothing), *nats

    for found in run(SCORES):
        np.testing.assert_array_equal(found, 0)


def test_the_layer_draws_in_training_and_its_score_gets_its_gradient_from_credit_alone():
    rng = np.random.default_rng(0)
    query, values = (rng.normal(size=size).astype(np.float32) for size in ((2, 3), (2, 4, 5)))
    layer = Hard(General(3))

    def look(layer, query, *, train):
        memory = layer.remember(values, MASK)
        return layer(layer.begin(memory), query, memory, train=train)

    @jax.jit
    def begun():
        params = layer.init(jax.random.key(0), query, method=look, train=False)
        _, context, seen = layer.apply(params, query, method=look, train=False)
        soft = Soft(General(3)).apply(params, query, method=look, train=False)[2]
        return params, context, seen, soft

    params, context, seen, soft = jax.device_get(begun())
    best = soft.argmax(axis=1)
    np.testing.assert_array_equal(seen.weights, np.eye(4)[best])
    np.testing.assert_array_equal(context, values[np.arange(2), best])
    np.testing.assert_allclose(seen.log_probability, np.log(soft[np.arange(2), best]), rtol=1e-5)

    @jax.jit
    def gradients(params, key):
        def losses(params):
            rngs = {"dropout": key}
            _, context, seen = layer.apply(params, query, method=look, train=True, rngs=rngs)
            alone = jnp.square(context).sum(axis=1)
            drawn = seen.weights
            with_credit = alone + credit(alone, seen.log_probability, jnp.zeros(2))
            return jnp.stack([alone.sum(), with_credit.sum()]), drawn

        return jax.jacrev(losses, has_aux=True)(params)

    first, drawn = jax.device_get(gradients(params, jax.random.key(0)))
    assert (drawn != np.asarray(gradients(params, jax.random.key(3))[1])).any()
    kernel = first["params"]["score"]["bilinear"]["kernel"]
    assert (kernel[0] == 0).all()
    assert (kernel[1] != 0).any()


def test_the_mean_of_others_by_hand():
    losses = jnp.array([[1.0, 4.0], [3.0, jnp.nan], [8.0, 6.0]])
    weights = jnp.array([[1.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    # (3 + 2·8) / 3, (1 + 2·8) / 3, (1 + 3) / 2; of the second column one counts, for the others.
    means = np.asarray(mean_of_others(losses, weights))
    np.testing.assert_allclose(means[:, 0], [19 / 3, 17 / 3, 2], rtol=1e-6)
    np.testing.assert_allclose(means[:, 1], [0, 4, 4], rtol=1e-6)
