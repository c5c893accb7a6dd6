"""Averages of the weights against sums written out."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.optimizers import average_params, ema_of_weights, mean_of_weights, momentum

PARAMS = {"w": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "b": jnp.array([0.3])}
STEPS = 7


@pytest.fixture(scope="module")
def path():
    """The parameters after each of the steps of a quadratic, in float64: `[STEPS, 5]`."""
    tx = momentum(0.1)
    params, state, seen = PARAMS, tx.init(PARAMS), []
    for _ in range(STEPS):
        updates, state = tx.update(params, state, params)
        params = optax.apply_updates(params, updates)
        seen.append(flat(params))
    return np.array(seen)


def flat(tree):
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(tree)])


@jax.jit
def train(decay, start):
    """Final parameters, and both averages of them."""
    tx = optax.chain(momentum(0.1), ema_of_weights(decay))
    other = optax.chain(momentum(0.1), mean_of_weights(start))

    def body(carry, _):
        out = []
        for rule, (params, state) in zip((tx, other), carry, strict=True):
            updates, state = rule.update(params, state, params)
            out.append((optax.apply_updates(params, updates), state))
        return out, None

    begin = [(PARAMS, rule.init(PARAMS)) for rule in (tx, other)]
    ((params, first), (same, second)), _ = jax.lax.scan(body, begin, length=STEPS)
    return params, same, average_params(first, params), average_params(second, same)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_the_average_is_the_weighted_sum_of_the_parameters_after_each_step(path, decay):
    params, _, average, _ = train(decay, 0)
    np.testing.assert_allclose(flat(params), path[-1], rtol=1e-5, atol=1e-6)  # left as they are
    weights = decay ** np.arange(STEPS)[::-1] if decay else np.eye(STEPS)[-1]
    expected = weights @ path / weights.sum()
    np.testing.assert_allclose(flat(average), expected, rtol=1e-5, atol=1e-6)


def test_decay_zero_is_the_parameters_bit_for_bit():
    params, _, average, _ = train(0.0, 0)
    np.testing.assert_array_equal(flat(average), flat(params))


@pytest.mark.parametrize("start", [0, 4, 6])
def test_the_mean_is_that_of_the_last_parameters(path, start):
    _, _, _, mean = train(0.5, start)
    np.testing.assert_allclose(flat(mean), path[start:].mean(axis=0), rtol=1e-5, atol=1e-6)


def test_before_its_start_the_mean_is_the_parameters():
    _, params, _, mean = train(0.5, STEPS)
    np.testing.assert_array_equal(flat(mean), flat(params))


def test_a_bfloat16_parameter_is_averaged_in_float32_and_given_back_as_it_is():
    params = {"w": jnp.ones(3, jnp.bfloat16)}
    tx = ema_of_weights(jnp.float32(0.999))
    state = tx.init(params)
    for _ in range(3):
        updates, state = tx.update(jax.tree.map(jnp.zeros_like, params), state, params)
        assert updates["w"].dtype == jnp.bfloat16
    assert state.average["w"].dtype == jnp.float32
    average = average_params(state, params)
    assert average["w"].dtype == jnp.bfloat16
    np.testing.assert_array_equal(average["w"], params["w"])


def test_misuse_is_told():
    tx = ema_of_weights(0.9)
    with pytest.raises(ValueError, match="params"):
        tx.update(PARAMS, tx.init(PARAMS))
    with pytest.raises(ValueError, match="0 averages"):
        average_params(momentum(0.1).init(PARAMS), PARAMS)
    with pytest.raises(ValueError, match="2 averages"):
        average_params((tx.init(PARAMS), tx.init(PARAMS)), PARAMS)
