"""Training in float16: without loss scaling small gradients are 0, with it they are float32's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import losses, optimizers, tasks, train
from jaxdl.models import MLP

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
BATCH = {"x": X, "y": np.tanh(X[:, :1] - X[:, 1:2])}
UNIT = 2.0**-24
"""Of the loss, so small that its gradients by the outputs are below what float16 can hold."""
TX = optax.sgd(0.1 / UNIT)


def task(dtype):
    return tasks.regression(
        MLP((16,), 1, jnp.tanh, dtype=dtype), loss=lambda a, b: UNIT * losses.squared_error(a, b)
    )


def trained(task, tx, steps=100):
    """The state, and the losses in their unit."""

    @jax.jit
    def run():
        state = train.init(task, tx, KEY, BATCH)

        def body(state, _):
            state, metrics = train.step(task, tx, state, BATCH)
            return state, metrics["loss"][0] / metrics["loss"][1] / UNIT

        return jax.lax.scan(body, state, length=steps)

    return run()


def test_float16_without_scaling_does_not_learn_and_with_it_learns_as_float32():
    _, wide = trained(task(None), TX)
    _, still = trained(task(jnp.float16), TX)
    assert wide[-1] < 0.5 * wide[0]
    np.testing.assert_array_equal(still, np.full(100, still[0]))
    for of, tx in (
        (tasks.scaled_loss(task(jnp.float16), 2.0**20), TX),
        (task(jnp.float16), optimizers.with_loss_scale(TX, 2.0**20)),
    ):
        _, found = trained(of, tx)
        np.testing.assert_allclose(found, wide, rtol=0.02)


def test_gradients_of_float32_are_the_same_bit_by_bit():
    plain, scaled = task(None), tasks.scaled_loss(task(None), 2.0**12)
    params, state = plain.init(KEY, BATCH)

    @functools.partial(jax.jit, static_argnums=0)
    def gradient(of):
        return jax.value_and_grad(lambda p: of.loss(p, state, BATCH, KEY, train=True)[0])(params)

    jax.tree.map(np.testing.assert_array_equal, gradient(scaled), gradient(plain))


def test_a_scale_that_is_too_large_is_halved_and_costs_no_more_than_the_steps_left_out():
    tx = optimizers.with_loss_scale(optax.adam(0.01), 2.0**30 * 8, patience=10)
    of = tasks.regression(MLP((16,), 1, jnp.tanh, dtype=jnp.float16))
    step = jax.jit(functools.partial(train.step, of, tx))
    state = train.init(of, tx, KEY, BATCH)
    scales, moved = [], []
    for _ in range(60):
        after, _ = step(state, BATCH)
        same = jax.tree.map(np.array_equal, (after.params, after.opt_state.inner.inner_state),
                            (state.params, state.opt_state.inner.inner_state))  # fmt: skip
        moved.append(not all(jax.tree.leaves(same)))
        scales.append(float(after.opt_state.loss_scale.scale))
        assert np.isfinite(np.concatenate([p.ravel() for p in jax.tree.leaves(after.params)])).all()
        state = after
    left_out = moved.index(True)
    assert not any(moved[:left_out])
    assert 2**10 < scales[left_out] < 2**24
    later = list(
        zip(scales[left_out:], scales[left_out + 1 :], moved[left_out + 1 :], strict=False)
    )
    assert {after / before for before, after, _ in later} <= {0.5, 1.0, 2.0}
    assert max(scales[left_out:]) > scales[left_out]
    assert all(move == (after >= before) for before, after, move in later)


def test_what_has_diverged_is_seen_after_a_hundred_steps():
    tx = optimizers.with_loss_scale(optax.sgd(0.1))
    params = {"w": jnp.ones(2)}
    update = jax.jit(tx.update)
    state = tx.init(params)
    for _ in range(100):
        updates, state = update({"w": jnp.full(2, jnp.nan)}, state, params)
        np.testing.assert_array_equal(updates["w"], np.zeros(2))
    assert state.loss_scale.scale == 1
    assert np.isnan(update({"w": jnp.full(2, jnp.nan)}, state, params)[0]["w"]).all()


@pytest.mark.parametrize("patience", [1, 3])
def test_the_scale_doubles_after_as_many_finite_steps(patience):
    tx = optimizers.with_loss_scale(optax.sgd(0.1), 4.0, patience)
    state = tx.init({"w": jnp.ones(2)})
    for _ in range(3):
        _, state = tx.update({"w": jnp.ones(2)}, state)
    assert state.loss_scale.scale == 4 * 2 ** (3 // patience)


def test_accumulated_gradients_are_scaled_too():
    tx = optimizers.with_loss_scale(TX, 2.0**20)
    of, wide = task(jnp.float16), task(None)
    micro = {name: array.reshape(4, 16, *array.shape[1:]) for name, array in BATCH.items()}
    state = jax.jit(functools.partial(train.init, of, tx))(KEY, BATCH)
    after, _ = jax.jit(functools.partial(train.accumulated_step, of, tx))(state, micro)
    plain = state._replace(opt_state=TX.init(state.params))
    expected, _ = jax.jit(functools.partial(train.step, wide, TX))(plain, BATCH)
    assert not np.array_equal(after.params["Dense_0"]["bias"], state.params["Dense_0"]["bias"])
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=0.01, atol=1e-3),
                 after.params, expected.params)  # fmt: skip


def test_within_a_sum_of_gradients_it_is_refused_and_around_one_it_finds_its_scale():
    around = optimizers.with_loss_scale(optax.MultiSteps(TX, 2).gradient_transformation(), 2.0**30)
    state, found = trained(task(jnp.float16), around)
    (scale,) = optimizers.loss_scales(state.opt_state)
    assert scale > 1
    assert found[-1] < 0.5 * found[0]
    within = optax.MultiSteps(optimizers.with_loss_scale(TX, 2.0**30), 2).gradient_transformation()
    with pytest.raises(ValueError, match="not the other way round"):
        trained(task(jnp.float16), within)
