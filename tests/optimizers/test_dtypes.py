"""Every optimizer in every floating dtype, step by step, beside its formula in float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxdl.optimizers as ours
from jaxdl.optimizers import OPTIMIZERS

STEPS, RATE = 100, 0.05
# The squares of the largest are beyond float16, whose largest number is 65504.
SIZES = np.array([1e-2, 1.0, 300.0, 2e4])
GRADS = np.random.default_rng(0).normal(size=(STEPS, 4)).clip(-2, 2) * SIZES
PARAMS = np.array([0.5, -2.0, 30.0, 1.0])


def formulas(name, decay=0.9, b1=0.9, b2=0.999, eps=1e-8, weight_decay=1e-2, momentum=0.9):
    """Direction of step t from the gradient and the parameters, as the papers have it."""
    s = dict.fromkeys(("v", "n", "m", "total"), np.zeros(4))

    def velocity(g, factor=1.0, gamma=decay):
        s["v"] = gamma * s["v"] + factor * g
        return s["v"]

    def mean(key, x, beta):
        s[key] = beta * s[key] + (1 - beta) * x
        return s[key]

    def nesterov(g, t, p):
        return g + decay * velocity(g)

    def adagrad(g, t, p):
        s["total"] = s["total"] + g * g
        return g / (np.sqrt(s["total"]) + 1e-10)

    def rmsprop(g, t, p):
        return g / (np.sqrt(mean("n", g * g, decay)) + eps)

    def centered(g, t, p):
        variance = mean("n", g * g, decay) - mean("m", g, decay) ** 2
        return g / (np.sqrt(variance) + eps)

    def adam(g, t, p):
        m, v = mean("m", g, b1) / (1 - b1**t), mean("n", g * g, b2) / (1 - b2**t)
        return m / (np.sqrt(v) + eps)

    return {
        "sgd": lambda g, t, p: g,
        "momentum": lambda g, t, p: velocity(g),
        "momentum_averaged": lambda g, t, p: velocity(g, 1 - decay),
        "nesterov": nesterov,
        "adagrad": adagrad,
        "rmsprop": rmsprop,
        "rmsprop_centered": centered,
        "rmsprop_momentum": lambda g, t, p: velocity(rmsprop(g, t, p), gamma=momentum),
        "adam": adam,
        "adamw": lambda g, t, p: adam(g, t, p) + weight_decay * p,
    }[name]


# One rounding to the dtype; what float32 and float64 add up over 100 steps; float16's smallest.
DTYPES = {"float64": (1e-12, 0), "float32": (2e-5, 0), "bfloat16": (2**-8, 0)}
DTYPES["float16"] = (2**-10.9, 2**-24)


def updates_of(tx, grads, params):
    def step(state, g):
        updates, state = tx.update(g, state, params)
        return state, updates

    return jax.jit(lambda: jax.lax.scan(step, tx.init(params), grads))()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_those_of_float64_rounded_once(name, dtype):
    with jax.enable_x64(dtype == "float64"):
        grads, params = jnp.asarray(GRADS, dtype), jnp.asarray(PARAMS, dtype)
        state, got = updates_of(OPTIMIZERS[name](RATE), grads, params)
        kinds = {leaf.dtype for leaf in jax.tree.leaves(state) if leaf.dtype != np.int32}
        assert kinds <= {np.dtype("float64" if dtype == "float64" else "float32")}
        assert got.dtype == jnp.dtype(dtype)
        got, exact, start = (np.asarray(x, np.float64) for x in (got, grads, params))
    direction = formulas(name)
    expected = np.array([-RATE * direction(g, t, start) for t, g in enumerate(exact, 1)])
    rtol, atol = DTYPES[dtype]
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol + 1e-7 * np.abs(expected).max())


def test_a_constant_gradient_has_the_variance_that_float64_has():
    tx = ours.scale_by_centered_rmsprop(0.95, eps=0.0)
    _, got = updates_of(tx, jnp.full((200, 1), 3.0), jnp.ones(1))
    # n − g̅² = g² ρ^t (1 − ρ^t): in float32 the difference has no digit left from t = 150 on.
    power = 0.95 ** np.arange(1, 201)
    np.testing.assert_allclose(got[:, 0], 1 / np.sqrt(power * (1 - power)), rtol=1e-4)


@pytest.mark.parametrize("b2", [1 - 1e-8, 1 - 1e-7, 1.0])
def test_adam_of_a_decay_near_one_is_finite_and_divides_by_the_mean_of_squares(b2):
    grads = jnp.array([[3.0], [0.0], [-4.0], [1.0]])
    expected = []
    for t in range(1, 5):
        seen = np.asarray(grads[:t, 0], np.float64)
        weights = 0.9 ** np.arange(t)[::-1]
        expected.append(np.average(seen, weights=weights) / np.sqrt(np.mean(seen**2)))

    def run(b2):
        tx = ours.scale_by_adam(b2=b2)
        state = tx.init(grads[0])
        return jax.lax.scan(lambda s, g: tx.update(g, s)[::-1], state, grads)[1][:, 0]

    for got in (jax.jit(jax.vmap(run))(jnp.full(2, b2))[1], run(b2)):
        np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("make", [ours.adam, ours.rmsprop, ours.nesterov])
def test_a_decay_in_a_narrow_dtype_is_refused_with_the_remedy(make, dtype):
    params = jnp.ones(2, dtype)
    with pytest.raises(TypeError, match=r"(b1|decay) is .*float16.*hyperparam_dtype=jnp.float32"):
        optax.inject_hyperparams(make)(0.1).init(params)
    tx = optax.inject_hyperparams(make, hyperparam_dtype=jnp.float32)(0.1)
    updates, _ = tx.update(params, tx.init(params), params)
    expected, _ = make(0.1).update(params, make(0.1).init(params), params)
    np.testing.assert_array_equal(updates, expected)


def test_an_eps_in_a_narrow_dtype_is_refused():
    with pytest.raises(TypeError, match="eps is float16"):
        ours.adagrad(0.1, eps=jnp.float16(1e-8))


@pytest.mark.parametrize("decay", [-0.1, 1.5, float("nan"), np.float32(2.0)])
def test_a_decay_outside_zero_and_one_is_refused(decay):
    with pytest.raises(ValueError, match=r"b2 is .*, a decay lies within 0 and 1"):
        ours.adam(0.1, b2=decay)
