"""Newton, Gauss–Newton and AdaHessian beside NumPy, SciPy and scikit-learn, and their contract."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize

from jaxdl import train, workloads
from jaxdl.optimizers import SECOND_ORDER, gauss_newton, hessian_diagonal, newton
from jaxdl.workloads import landscapes

RNG = np.random.default_rng(0)
ROOT = RNG.normal(size=(5, 5))
MATRIX, TARGET = ROOT @ ROOT.T + np.eye(5), RNG.normal(size=5)
every = pytest.mark.parametrize("name", SECOND_ORDER)


def bowl(x):
    apart = x - jnp.asarray(TARGET, x.dtype)
    return apart @ jnp.asarray(MATRIX, x.dtype) @ apart / 2


def moved(tx, value_fn, params, steps=1):
    def body(carry, _):
        params, state = carry
        updates, state = tx.update(jax.grad(value_fn)(params), state, params, value_fn=value_fn)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(body, (params, tx.init(params)), length=steps)[0][0]


def test_newton_ends_at_the_minimum_of_a_quadratic_in_one_step():
    with jax.enable_x64(True):
        end = jax.jit(lambda x: moved(newton(1.0, tol=1e-12), bowl, x))(np.zeros(5))
    np.testing.assert_allclose(end, TARGET, rtol=1e-9)


def test_the_damped_step_solves_the_damped_system():
    x, y, damping = -1.2, 1.0, 300.0
    hessian = np.array([[1200 * x**2 - 400 * y + 2, -400 * x], [-400 * x, 200]])
    gradient = np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])
    step = np.linalg.solve(hessian + damping * np.eye(2), gradient)
    value_fn = landscapes.planar(landscapes.rosenbrock)
    with jax.enable_x64(True):
        end = jax.jit(lambda d: moved(newton(0.5, d, tol=1e-12), value_fn, jnp.array([x, y])))(
            damping
        )
    np.testing.assert_allclose(end, [x, y] - 0.5 * step, rtol=1e-9)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg"])
def test_newton_ends_where_scipy_does_on_rosenbrock(method):
    found = scipy.optimize.minimize(
        scipy.optimize.rosen,
        start := [-1.2, 1.0],
        method=method,
        jac=scipy.optimize.rosen_der,
        hess=scipy.optimize.rosen_hess,
    )
    end = moved(newton(1.0), landscapes.planar(landscapes.rosenbrock), jnp.array(start), 8)
    np.testing.assert_allclose(end, found.x, atol=1e-4)


def test_newton_solves_logistic_regression_through_the_training_step():
    workload = workloads.breast_cancer()
    task, batch = workload.task(), workload.data()["train"]
    state = train.init(task, newton(1.0), jax.random.key(0), batch)
    step = jax.jit(functools.partial(train.step, task, newton(1.0)))
    for _ in range(8):
        state, metrics = step(state, batch)
    # The solution is scikit-learn's, by L-BFGS.
    assert train.mean(metrics)["distance"] < 1e-3


def test_gauss_newton_solves_linear_least_squares_in_one_step():
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=20)

    def residuals(weights):
        return x @ weights - y

    def loss(r):
        return jnp.sum(r**2) / 2

    @jax.jit
    def step(weights):
        tx, gradient = gauss_newton(1.0, tol=1e-12), jax.grad(lambda w: loss(residuals(w)))(weights)
        return tx.update(gradient, tx.init(weights), weights, outputs_fn=residuals, loss_fn=loss)[0]

    with jax.enable_x64(True):
        updates = step(np.zeros(3))
    np.testing.assert_allclose(updates, np.linalg.lstsq(x, y)[0], rtol=1e-9)


def test_gauss_newton_leaves_out_what_bends_the_outputs():
    # r = w²: J = 2w, so that JᵀJ = 4w², where the Hessian of ½r² is 6w².
    w, tx = jnp.array([3.0]), gauss_newton(1.0, damping=4.0)
    extra = {"outputs_fn": jnp.square, "loss_fn": lambda r: r @ r / 2}
    updates = jax.jit(lambda w: tx.update(2 * w**3, tx.init(w), w, **extra)[0])(w)
    np.testing.assert_allclose(updates, [-2 * 27 / (4 * 9 + 4)], rtol=1e-5)


def test_gauss_newton_is_newton_where_the_outputs_are_linear():
    x, labels = RNG.normal(size=(12, 3)), RNG.integers(0, 4, 12)

    def logits(params):
        return jnp.asarray(x, params.dtype) @ params

    def loss(z):
        return optax.softmax_cross_entropy_with_integer_labels(z, labels).mean()

    def both(params):
        grad = jax.grad(lambda p: loss(logits(p)))(params)
        extra = {"value_fn": lambda p: loss(logits(p)), "outputs_fn": logits, "loss_fn": loss}
        transforms = (newton(1.0, 0.1), gauss_newton(1.0, 0.1))
        return [tx.update(grad, tx.init(params), params, **extra)[0] for tx in transforms]

    one, other = jax.jit(both)(RNG.normal(size=(3, 4)).astype(np.float32))
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_hutchinsons_estimate_goes_to_the_diagonal():
    count = 4000
    drawn = jax.jit(lambda x: hessian_diagonal(bowl, x, jax.random.key(0), count))(jnp.zeros(5))
    off = MATRIX - np.diag(np.diag(MATRIX))
    error = np.sqrt((off**2).sum(axis=1) / count)  # of independent signs
    assert np.all(np.abs(drawn - np.diag(MATRIX)) < 4 * error)


def test_adahessian_divides_by_the_diagonal():
    curvature, start, rate = np.array([1.0, 10.0, -4.0]), np.array([3.0, -1.0, 2.0]), 0.3
    x, m = start, 0.0
    for t in range(1, 5):
        m = 0.9 * m + 0.1 * curvature * x
        x = x - rate * m / (1 - 0.9**t) / np.abs(curvature)
    end = moved(SECOND_ORDER["adahessian"](rate), lambda p: jnp.sum(curvature * p**2) / 2, start, 4)
    np.testing.assert_allclose(end, x, rtol=1e-5)


def test_newton_ends_at_a_saddle_and_damping_above_its_curvature_leaves_it():
    start = landscapes.beside_the_ridge(10)(jax.random.key(0))

    @jax.jit
    def end(damping):
        return moved(newton(1.0, damping), landscapes.saddle, start, 60)

    assert np.linalg.norm(end(0.0)) < 1e-3
    np.testing.assert_allclose(np.abs(end(2.0)), 10**-0.5, rtol=1e-3)


def extra_of(params):
    def outputs(params):
        leaves = jax.tree.leaves(params)
        return jnp.concatenate([jnp.zeros(1), *(jnp.ravel(leaf) for leaf in leaves)])

    def loss(z):
        return jnp.sum(z**2) + jnp.sum(z) ** 2 / 4

    return {"outputs_fn": outputs, "loss_fn": loss, "value_fn": lambda p: loss(outputs(p))}


def update(name, grad, params, rate=0.1):
    tx = SECOND_ORDER[name](rate)
    before = tx.init(params)
    updates, after = tx.update(grad, before, params, **extra_of(params))
    return updates, before, after


FULL = {"a": jnp.array([1.0, -2.0]), "b": {"c": jnp.array([3.0]), "d": jnp.array([[0.5]])}}


@every
def test_parameters_with_a_gradient_of_none_are_held(name):
    part = {"a": FULL["a"], "b": None}
    updates, before, after = jax.jit(lambda: update(name, part, FULL))()
    assert updates["b"] is None
    assert jax.tree.structure(before) == jax.tree.structure(after)
    # Of Σz² + (Σz)²/4, the block of a is 2I + ½; signs alike or not, its estimates are 2.5 ± ½.
    solved = np.linalg.solve(2 * np.eye(2) + 0.5, part["a"])
    if name == "adahessian":
        ratio = -updates["a"] / 0.1 / part["a"]
        assert np.all(np.isclose(ratio, 1 / 3, rtol=1e-4) | np.isclose(ratio, 1 / 2, rtol=1e-4))
    else:
        np.testing.assert_allclose(updates["a"], -0.1 * solved, rtol=1e-5)


@every
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_dtypes_and_states_stay_with_traced_numbers(name, dtype):
    params = {**jax.tree.map(lambda leaf: leaf.astype(dtype), FULL), "e": jnp.ones(2)}
    updates, before, after = jax.eval_shape(
        lambda rate: update(name, params, params, rate), jnp.float32(0.1)
    )
    described = [
        jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree) for tree in (updates, params)
    ]
    assert described[0] == described[1]
    assert before == after
    assert all(leaf.dtype in (jnp.int32, jnp.float32) for leaf in jax.tree.leaves(after))


@every
def test_nothing_to_train_and_nothing_to_gain(name):
    zeros = jax.tree.map(jnp.zeros_like, FULL)
    nothing, still = jax.jit(lambda: (update(name, {}, {})[0], update(name, zeros, zeros)[0]))()
    assert nothing == {}
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(still))


@every
def test_what_an_update_needs_is_said_in_one_line(name):
    tx, extra = SECOND_ORDER[name](0.1), extra_of(FULL)
    with pytest.raises(ValueError, match=f"^{name}: its update needs params, which"):
        tx.update(FULL, tx.init(FULL), **extra)
    with pytest.raises(ValueError, match=f"^{name}: its update needs .*_fn, which w.* not given"):
        tx.update(FULL, tx.init(FULL), FULL)
    with pytest.raises(TypeError, match="is bfloat16, which rounds it too far"):
        SECOND_ORDER[name](0.1, jnp.bfloat16(0.9))
