import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import train, workloads
from jaxdl.data.batches import ordered_indices, shuffled_indices
from jaxdl.workloads import _quadratic_deep as deep


def test_the_hessian_is_that_of_deepobs():
    eigenvalues = np.linalg.eigvalsh(deep.hessian())
    assert np.trace(deep.hessian()) == pytest.approx(477.6123, abs=1e-4)
    assert eigenvalues[-1] == pytest.approx(53.1290, abs=1e-4)
    assert (eigenvalues[:90] < 1).all()
    assert (eigenvalues[90:] > 30).all()


def test_the_test_loss_begins_and_ends_where_that_of_deepobs_does():
    workload = workloads.quadratic_deep()
    data, task = workload.data(), workload.task()
    assert data["train"]["x"].shape == (1000, 100)
    assert data["test"]["x"].shape == data["validation"]["x"].shape == (7, 128, 100)
    assert (data["test"]["mask"] == 1).all()
    measured = jax.jit(
        jax.vmap(functools.partial(task.loss, train=False), in_axes=(None, None, 0, None))
    )
    best = {"theta": jnp.asarray(data["test"]["x"].mean(axis=(0, 1)))}
    for params, loss, excess in (
        (task.init(jax.random.key(0), {})[0], 353.4468, 353.4468 - 86.8735),
        (best, 86.8735, 0.0),
    ):
        _, (_, reported) = measured(params, {}, data["test"], jax.random.key(0))
        total = train.mean(jax.tree.map(lambda sums: sums.sum(axis=0), reported))
        assert float(total["loss"]) == pytest.approx(loss, rel=3e-6)
        assert float(total["excess"]) == pytest.approx(excess, abs=2e-3)


def test_descent_diverges_above_two_over_the_largest_curvature():
    workload = workloads.quadratic_deep()
    task, rows = workload.task(), workload.data()["train"]

    def after(rate):
        tx = optax.sgd(rate)
        state = train.init(task, tx, jax.random.key(0), rows)
        step = lambda state, _: (train.step(task, tx, state, rows)[0], None)  # noqa: E731
        state = jax.lax.scan(step, state, None, 300)[0]
        return jnp.abs(state.params["theta"]).max()

    below, above = jax.jit(jax.vmap(after))(jnp.array([0.98, 1.02]) * 2 / 53.1290)
    assert below < 2
    assert above > 1000


def test_both_orders_have_seven_batches_a_pass_for_a_hundred_passes():
    shuffled, fixed = workloads.quadratic_deep(), workloads.quadratic_deep("fixed")
    assert (shuffled.steps, fixed.steps) == (700, 700)
    assert (shuffled.order, fixed.order) == (shuffled_indices, ordered_indices)
    assert fixed.name == "quadratic_deep_fixed"
    rows = fixed.order(jax.random.key(0), 1000, fixed.batch_size, 0, 8)
    np.testing.assert_array_equal(rows[:7].ravel(), np.arange(896))
    np.testing.assert_array_equal(rows[7], rows[0])
    with pytest.raises(ValueError, match="order is one of reshuffled, fixed, not 'sorted'"):
        workloads.quadratic_deep("sorted")


def test_the_target_of_the_noisy_quadratic_is_in_reach_of_a_constant_rate():
    workload = workloads.noisy_quadratic()
    h = 1 / np.arange(1, 101)

    def risk(rate):
        # w ← (1 − ηh) w − ηξ with ξ of variance h, from a variance of 1.
        shrink = (1 - rate * h) ** 2
        noise = rate**2 * h * (1 - shrink**workload.steps) / (1 - shrink)
        return 0.5 * np.sum(h * (shrink**workload.steps + noise))

    best = min(risk(rate) for rate in np.geomspace(1e-3, 1, 100))
    assert 0.14 < best < workload.target < h.sum() / 2 / 10


def test_validation_and_test_see_a_walk_each():
    workload = workloads.noisy_quadratic()
    task, data = workload.task(), workload.data()
    params, _ = task.init(jax.random.key(0), {})
    risks = task.predict(params, {}, {})
    for part, expected in zip(("validation", "test"), risks, strict=True):
        batch = jax.tree.map(lambda array: array[0], data[part])
        _, (_, reported) = task.loss(params, {}, batch, jax.random.key(1), train=False)
        assert float(reported["loss"][0]) == pytest.approx(float(expected))
