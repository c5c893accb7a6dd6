import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import losses, tasks
from jaxdl.models import MLP

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
BATCHES = {
    "classification": {"x": X, "y": np.array([0, 1, 2, 0, 1, 2], np.int32)},
    "regression": {"x": X, "y": X[:, :3] * 2},
}


@functools.partial(jax.jit, static_argnames="task")
def loss_of(task, params, batch):
    return task.loss(params, {}, batch, KEY, train=False)


@functools.partial(jax.jit, static_argnames="task")
def gradient_of(task, params, batch):
    return jax.grad(lambda params: loss_of(task, params, batch)[0])(params)


@pytest.fixture(params=tasks.TASKS)
def problem(request):
    task = tasks.TASKS[request.param](MLP((5,), 3))
    batch = BATCHES[request.param]
    return task, batch, jax.jit(task.init)(KEY, batch)[0]


def test_padding_changes_nothing_whatever_it_holds(problem):
    task, batch, params = problem
    rest = batch["y"][:2]
    if np.issubdtype(rest.dtype, np.floating):
        rest = np.full_like(rest, np.nan)
    padded = {
        "x": np.concatenate([batch["x"], np.full((2, 4), np.nan, np.float32)]),
        "y": np.concatenate([batch["y"], rest]),
        "mask": np.array([1, 1, 1, 1, 1, 1, 0, 0], np.float32),
    }
    value, (_, metrics) = loss_of(task, params, batch)
    padded_value, (_, padded_metrics) = loss_of(task, params, padded)
    np.testing.assert_allclose(padded_value, value, rtol=1e-6)
    gradients = [gradient_of(task, params, each) for each in (batch, padded)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), *gradients)
    for name, (total, weight) in metrics.items():
        np.testing.assert_allclose(padded_metrics[name][0], total, rtol=1e-5)
        np.testing.assert_allclose(padded_metrics[name][1], weight)


def test_a_weight_of_two_is_the_example_twice(problem):
    task, batch, params = problem
    weighted = {**batch, "mask": np.array([2, 1, 1, 1, 1, 1], np.float32)}
    twice = {name: np.concatenate([array, array[:1]]) for name, array in batch.items()}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7),
        gradient_of(task, params, weighted),
        gradient_of(task, params, twice),
    )


def test_gradient_of_a_batch_that_is_all_padding_is_zero(problem):
    task, batch, params = problem
    empty = {**batch, "mask": np.zeros(6, np.float32)}
    gradient = gradient_of(task, params, empty)
    assert all((np.asarray(leaf) == 0).all() for leaf in jax.tree.leaves(gradient))


def test_classification_loss_by_hand():
    model = nn.Dense(2, kernel_init=nn.initializers.ones, use_bias=False)
    task = tasks.classification(model)
    batch = {"x": np.ones((1, 3), np.float32), "y": np.array([1], np.int32)}

    @jax.jit
    def run():
        params, state = task.init(KEY, batch)
        return task.loss(params, state, batch, KEY, train=True), task.predict(params, state, batch)

    (value, (_, metrics)), logits = run()
    assert float(value) == pytest.approx(np.log(2), rel=1e-6)  # equal logits, two classes
    assert set(metrics) == {"loss", "accuracy"}
    np.testing.assert_array_equal(logits, [[3.0, 3.0]])


def test_penalty_is_minimized_but_not_reported():
    task = tasks.regression(MLP((), 3), penalty=lambda params: jnp.float32(7))
    batch = BATCHES["regression"]
    params, _ = jax.jit(task.init)(KEY, batch)
    value, (_, metrics) = loss_of(task, params, batch)
    total, weight = metrics["loss"]
    assert float(value) == pytest.approx(float(total / weight) + 7, rel=1e-6)


def test_model_state_is_threaded_in_training_only():
    class Normed(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            return nn.BatchNorm(use_running_average=not train)(x)

    task = tasks.supervised(Normed(), losses.squared_error)
    batch = {"x": X + 5, "y": X}
    params, state = jax.jit(task.init)(KEY, batch)
    _, (after, _) = jax.jit(functools.partial(task.loss, train=True))(params, state, batch, KEY)
    assert np.asarray(after["batch_stats"]["BatchNorm_0"]["mean"]).sum() > 0
    _, (after, _) = task.loss(params, state, batch, KEY, train=False)
    assert after is state
