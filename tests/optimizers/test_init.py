"""What every entry of OPTIMIZERS promises."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support.compiling import traced_once

from jaxdl.optimizers import OPTIMIZERS, adamw, momentum
from jaxdl.optimizers.schedules import cosine, scaled

CURVATURE = {"a": np.float32([1.0, 10.0]), "b": {"c": np.float32([[3.0, 0.5]]), "d": np.float32(2)}}
START = jax.tree.map(np.ones_like, CURVATURE)
RATES = np.geomspace(1e-2, 1.0, 5, dtype=np.float32)

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def quadratic(params):
    terms = jax.tree.map(lambda c, p: jnp.sum(c * p**2) / 2, CURVATURE, params)
    return jax.tree.reduce(jnp.add, terms)


def descend(tx, params, steps):
    def step(carry, _):
        params, state = carry
        updates, state = tx.update(jax.grad(quadratic)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, tx.init(params)), length=steps)[0][0]


def assert_close(got, expected, rtol=2e-5, atol=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol, atol), got, expected)


def numbers(name):
    """The numeric hyperparameters of an optimizer, at their defaults."""
    parameters = inspect.signature(OPTIMIZERS[name]).parameters.values()
    return {p.name: p.default for p in parameters if isinstance(p.default, float)}


def test_the_seven_come_first():
    seven = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]
    assert list(OPTIMIZERS)[:7] == seven


@every_optimizer
def test_converges_and_a_batch_of_rates_equals_single_runs(name):
    start = jax.tree.map(jnp.asarray, START)

    def run(rate):
        params = descend(OPTIMIZERS[name](rate), start, 200)
        return params, quadratic(params)

    params, losses = jax.device_get(jax.jit(jax.vmap(run))(RATES))
    assert np.nanmin(losses) < 1e-3 * 16.5 / 2  # the sum of the curvatures, halved

    single = traced_once(run)
    for i in (0, 1):
        assert_close(
            single(RATES[i])[0], jax.tree.map(lambda leaf, i=i: leaf[i], params), 1e-4, 1e-5
        )


@every_optimizer
def test_traced_hyperparameters_equal_constants(name):
    start = jax.tree.map(jnp.asarray, START)
    constants = {"learning_rate": 0.05, **numbers(name)}
    expected = jax.jit(lambda: descend(OPTIMIZERS[name](**constants), start, 3))()
    batch = jax.tree.map(lambda value: np.full(2, value, np.float32), constants)
    run = jax.jit(lambda b: jax.lax.map(lambda h: descend(OPTIMIZERS[name](**h), start, 3), b))
    found = jax.device_get(run(batch))
    for i in (0, 1):
        assert_close(jax.tree.map(lambda leaf, i=i: leaf[i], found), expected, 1e-4)


@every_optimizer
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_dtypes_and_states_stay(name, dtype):
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), {**START, "f32": np.float32(1)})

    def update(hypers, params):
        tx = OPTIMIZERS[name](**hypers)
        state = tx.init(params)
        return state, tx.update(params, state, params)

    hypers = jax.tree.map(jnp.float32, {"learning_rate": 0.1, **numbers(name)})
    before, (updates, after) = jax.eval_shape(update, hypers, params)
    assert jax.tree.map(lambda u: (u.shape, u.dtype), updates) == jax.tree.map(
        lambda p: (p.shape, p.dtype), params
    )
    assert before == after
    for leaf in jax.tree.leaves(after):
        assert leaf.dtype in (jnp.int32, jnp.float32)


@every_optimizer
def test_bfloat16_parameters_follow_float32_ones(name):
    grads = jax.tree.map(lambda c: np.asarray(c, jnp.bfloat16), CURVATURE)

    def walk(tx, grads):
        def step(state, _):
            updates, state = tx.update(grads, state, grads)
            return state, updates

        return jax.lax.scan(step, tx.init(grads), length=50)[1]

    # A constant gradient leaves no variance to divide by: the centered form needs its floor.
    extra = {"eps_root": 1.0} if name == "rmsprop_centered" else {}
    tx = OPTIMIZERS[name](0.1, **extra)
    low, high = jax.jit(lambda a, b: (walk(tx, a), walk(tx, b)))(
        grads, jax.tree.map(lambda g: g.astype(np.float32), grads)
    )
    assert_close(jax.tree.map(lambda u: np.asarray(u, np.float32), low), high, 0.02, 1e-6)


@every_optimizer
def test_schedule_is_the_rate_of_its_step(name):
    start = jax.tree.map(jnp.asarray, START)
    shape = cosine(4)

    def by_hand():
        params, state = start, OPTIMIZERS[name](0.0).init(start)
        for t in range(4):
            tx = OPTIMIZERS[name](0.1 * shape(t))
            updates, state = tx.update(jax.grad(quadratic)(params), state, params)
            params = optax.apply_updates(params, updates)
        return params

    run = jax.jit(
        lambda peak: (descend(OPTIMIZERS[name](scaled(peak, shape)), start, 4), by_hand())
    )
    assert_close(*run(0.1), rtol=1e-4)


@every_optimizer
@pytest.mark.parametrize("params", [{}, [], {"a": {}, "b": ()}])
def test_trees_without_leaves(name, params):
    tx = OPTIMIZERS[name](0.1)
    updates, _ = tx.update(params, tx.init(params), params)
    assert updates == params


@every_optimizer
def test_zero_gradient_moves_nothing(name):
    zeros = jax.tree.map(np.zeros_like, START)
    tx = OPTIMIZERS[name](0.1)
    updates = jax.jit(lambda zeros: tx.update(zeros, tx.init(zeros), zeros)[0])(zeros)
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(updates))


@pytest.mark.parametrize("make", [momentum, adamw])
def test_accumulated_microbatches_equal_the_whole_batch(make):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(3, 8, 2)), rng.normal(size=(3, 8))

    def loss(theta, x, y):
        return jnp.mean((jnp.tanh(x @ theta) - y) ** 2)

    def walk(tx, x, y):
        def step(carry, batch):
            theta, state = carry
            updates, state = tx.update(jax.grad(loss)(theta, *batch), state, theta)
            return (optax.apply_updates(theta, updates), state), None

        theta = jnp.ones(2)
        return jax.lax.scan(step, (theta, tx.init(theta)), (x, y))[0][0]

    with jax.enable_x64(True):
        whole = jax.jit(lambda: walk(make(0.1), x, y))()
        parts = optax.MultiSteps(make(0.1), 4).gradient_transformation()
        small = jax.jit(lambda: walk(parts, x.reshape(12, 2, 2), y.reshape(12, 2)))()
    assert not np.allclose(whole, 1)
    # MultiSteps averages with a float32 weight, under x64 too.
    np.testing.assert_allclose(small, whole, rtol=1e-7)


def test_optax_tools_know_the_states():
    params = jax.tree.map(jnp.asarray, START)
    tx = optax.inject_hyperparams(adamw)(learning_rate=0.1, weight_decay=0.5)
    state = tx.init(params)
    assert state.hyperparams["weight_decay"] == 0.5
    updates, _ = tx.update(params, state, params)
    expected, _ = adamw(0.1, weight_decay=0.5).update(params, adamw(0.1).init(params), params)
    assert_close(updates, expected)

    doubled = optax.tree_map_params(adamw(0.1), lambda leaf: leaf + 2, adamw(0.1).init(params))
    assert doubled[0].step == 0
    assert_close(doubled[0].nu, jax.tree.map(lambda p: 2 * p, START))
