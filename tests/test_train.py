import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import losses, tasks, train
from jaxdl.models import MLP
from jaxdl.optimizers import OPTIMIZERS, gauss_newton

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
W = np.array([[1.0], [-2.0], [0.5]], np.float32)
DATA = {"x": X, "y": X @ W}
KEY = jax.random.key(0)
LINEAR = tasks.regression(nn.Dense(1, use_bias=False))
initial = jax.jit(train.init, static_argnums=(0, 1))
one_step = jax.jit(train.step, static_argnums=(0, 1))


def equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def bits(state):
    return state._replace(key=jax.random.key_data(state.key))


def test_a_scan_begins_with_the_parameters_that_are_given():
    given = {"kernel": jnp.asarray(W)}
    scan = functools.partial(train.fit_scan, LINEAR, optax.sgd(0.1), steps=2, batch_size=20)
    fit = jax.jit(scan)
    # Where the loss is 0, nothing moves.
    equal(fit(KEY, DATA, params=given).params, given)


def test_a_step_of_gauss_newton_solves_linear_least_squares():
    data = {"x": X, "y": RNG.normal(size=(40, 2)).astype(np.float32)}
    task, tx = tasks.regression(nn.Dense(2, use_bias=False)), gauss_newton(1.0)
    after, _ = one_step(task, tx, initial(task, tx, KEY, data), data)
    found = np.linalg.lstsq(X.astype(np.float64), data["y"])[0]
    np.testing.assert_allclose(after.params["kernel"], found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_a_step_of_gauss_newton_is_newtons_by_hand_on_a_penalized_logistic_loss(masked):
    labels = RNG.integers(0, 2, (40, 1)).astype(np.float32)
    weights = RNG.integers(0, 3, 40).astype(np.float32) if masked else np.ones(40)
    data = {"x": X, "y": labels, **({"mask": weights} if masked else {})}
    task = tasks.supervised(
        nn.Dense(1, use_bias=False),
        losses.binary_cross_entropy,
        penalty=lambda params: 0.05 * jnp.sum(params["kernel"] ** 2),
    )
    tx = gauss_newton(1.0)
    state = initial(task, tx, KEY, data)
    w = np.asarray(state.params["kernel"], np.float64)
    p, share = 1 / (1 + np.exp(-X @ w)), weights[:, None] / weights.sum()
    gradient = X.T @ (share * (p - labels)) + 0.1 * w
    hessian = X.T @ (share * p * (1 - p) * X) + 0.1 * np.eye(3)
    after, _ = one_step(task, tx, state, data)
    by_hand = w - np.linalg.solve(hessian, gradient)
    np.testing.assert_allclose(after.params["kernel"], by_hand, rtol=1e-4, atol=1e-5)


def test_gauss_newton_of_a_loss_that_does_not_say_its_outputs_is_told_in_one_line():
    tx = gauss_newton(1.0)
    noisy = tasks.noise.weight_noise(LINEAR, 0.1)
    with pytest.raises(ValueError, match=r"a types\.LossOfOutputs$") as caught:
        train.step(noisy, tx, train.init(noisy, tx, KEY, DATA), DATA)
    assert "\n" not in str(caught.value)


def test_a_step_of_gradient_descent_by_hand():
    tx = optax.sgd(0.1)
    state = initial(LINEAR, tx, KEY, DATA)
    w = np.asarray(state.params["kernel"], np.float64)
    gradient = 2 * X.T @ (X @ w - X @ W) / len(X)
    after, metrics = one_step(LINEAR, tx, state, DATA)
    np.testing.assert_allclose(after.params["kernel"], w - 0.1 * gradient, rtol=1e-5)
    assert int(after.step) == 1
    expected = np.mean((X @ w - X @ W) ** 2)
    assert float(train.mean(jax.device_get(metrics))["loss"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fit_learns_and_evaluate_agrees_with_numpy(name):
    tx = OPTIMIZERS[name](0.05)
    state = initial(LINEAR, tx, KEY, DATA)
    before = train.evaluate(LINEAR, state, [DATA])["loss"]
    for state, _ in train.fit(LINEAR, tx, state, [DATA] * 200):
        pass
    after = train.evaluate(LINEAR, state, [DATA])["loss"]
    assert after < 0.5 * before
    residual = X @ np.asarray(state.params["kernel"]) - DATA["y"]
    assert after == pytest.approx(np.mean(residual**2), rel=1e-4, abs=1e-9)


def test_evaluate_is_the_same_however_the_data_is_cut():
    state = initial(LINEAR, optax.sgd(0.1), KEY, DATA)
    whole = train.evaluate(LINEAR, state, [DATA])
    parts = [{name: array[i : i + 7] for name, array in DATA.items()} for i in range(0, 40, 7)]
    assert train.evaluate(LINEAR, state, parts) == pytest.approx(whole, rel=1e-6)
    with pytest.raises(ValueError, match="empty"):
        train.evaluate(LINEAR, state, [])


def test_dropout_differs_by_step_and_repeats_by_key():
    task = tasks.regression(MLP((16,), 1, dropout=0.5))
    tx = optax.sgd(0.0)
    state = initial(task, tx, KEY, DATA)
    (one, first), (two, second) = train.fit(task, tx, state, [DATA, DATA])
    assert float(first["loss"]) != float(second["loss"])
    again = [float(metrics["loss"]) for _, metrics in train.fit(task, tx, state, [DATA, DATA])]
    assert again == [float(first["loss"]), float(second["loss"])]
    equal(bits(one).params, bits(two).params)


def test_a_step_compiles_once():
    tx = OPTIMIZERS["adam"](1e-3)
    state = initial(LINEAR, tx, KEY, DATA)
    traces = []

    def counted(params, model_state, batch, key, *, train):
        traces.append(train)
        return LINEAR.loss(params, model_state, batch, key, train=train)

    task = LINEAR._replace(loss=counted)
    for _ in range(2):
        for state, _ in train.fit(task, tx, state, [DATA] * 3):
            pass
    # The loss is traced for its gradient only; `value_fn` is not called by Adam.
    assert traces == [True]


@pytest.mark.parametrize(
    "tx",
    [optax.lbfgs(), optax.polyak_sgd(), optax.contrib.schedule_free_sgd(0.1)],
    ids=["lbfgs", "polyak_sgd", "schedule_free"],
)
def test_optimizers_that_ask_for_more_than_a_gradient(tx):
    state = initial(LINEAR, tx, KEY, DATA)
    for state, _ in train.fit(LINEAR, tx, state, [DATA] * 60):
        pass
    assert train.evaluate(LINEAR, state, [DATA])["loss"] < 0.05


def test_evaluation_at_other_parameters():
    tx = optax.contrib.schedule_free_sgd(0.1)
    state = initial(LINEAR, tx, KEY, DATA)
    for state, _ in train.fit(LINEAR, tx, state, [DATA] * 5):
        pass
    there = optax.contrib.schedule_free_eval_params(state.opt_state, state.params)
    expected = train.evaluate(LINEAR, state._replace(params=there), [DATA])
    got = train.evaluate(LINEAR, state, [DATA], optax.contrib.schedule_free_eval_params)
    assert got == expected != train.evaluate(LINEAR, state, [DATA])


def test_learns_equally_from_online_mini_and_full_batches_of_one_point():
    point = {name: array[:1] for name, array in DATA.items()}
    copies = {name: np.repeat(array, 8, axis=0) for name, array in point.items()}
    tx = optax.sgd(0.1)
    state = initial(LINEAR, tx, KEY, point)
    one, _ = one_step(LINEAR, tx, state, point)
    many, _ = one_step(LINEAR, tx, state, copies)
    np.testing.assert_allclose(one.params["kernel"], many.params["kernel"], rtol=1e-6)


def test_bfloat16_parameters_stay_bfloat16():
    task = tasks.regression(nn.Dense(1, param_dtype=jnp.bfloat16))
    tx = OPTIMIZERS["adam"](0.01)
    state = initial(task, tx, KEY, DATA)
    state, _ = one_step(task, tx, state, DATA)
    assert state.params["kernel"].dtype == jnp.bfloat16
