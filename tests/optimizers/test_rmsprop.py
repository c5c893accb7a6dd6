import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.optimizers import (
    rmsprop_centered,
    rmsprop_momentum,
    scale_by_centered_rmsprop,
    scale_by_rmsprop,
)


def walk(tx, grads):
    state, rows = tx.init(jnp.zeros(1)), []
    for g in grads:
        updates, state = tx.update(jnp.array([g]), state)
        rows.append(float(updates[0]))
    return np.array(rows)


# ρ = 3/4 and g = 4, 8: n = 4, 19; the mean is 1, 2.75; the variance 3, 11.4375.
@pytest.mark.parametrize(
    ("tx", "expected"),
    [
        (scale_by_rmsprop(0.75, eps=0.0), [2.0, 8 / 19**0.5]),
        (scale_by_rmsprop(0.75, eps=1.0), [4 / 3, 8 / (1 + 19**0.5)]),
        (scale_by_rmsprop(0.75, eps=0.0, eps_root=5.0), [4 / 3, 8 / 24**0.5]),
        (scale_by_centered_rmsprop(0.75, eps=0.0), [4 / 3**0.5, 8 / 11.4375**0.5]),
        (scale_by_centered_rmsprop(0.75, eps=0.0, eps_root=1.0), [2.0, 8 / 12.4375**0.5]),
    ],
)
def test_by_hand(tx, expected):
    np.testing.assert_allclose(walk(tx, [4.0, 8.0]), expected, rtol=1e-6)


def test_momentum_comes_after_the_scaling_and_before_the_rate():
    tx = rmsprop_momentum(lambda step: jnp.where(step < 1, 1.0, 0.1), 0.75, eps=0.0, momentum=0.5)
    np.testing.assert_allclose(walk(tx, [4.0, 8.0]), [-2.0, -0.1 * (1.0 + 8 / 19**0.5)], rtol=1e-6)


def test_a_constant_gradient_has_no_negative_variance():
    # Averages that come down to a constant stall a little above it, the mean more than its due.
    g = jnp.linspace(0.1, 2.0, 50)
    falling = g[None] * jnp.where(jnp.arange(300) < 5, 3.0, 1.0)[:, None]

    def walk_batch(tx):
        def step(state, grads):
            updates, state = tx.update(grads, state)
            return state, updates

        return jax.jit(lambda: jax.lax.scan(step, tx.init(g), falling)[1])()

    assert np.all(np.isfinite(walk_batch(rmsprop_centered(1e-3))))
    floored = walk_batch(rmsprop_centered(1e-3, eps_root=1e-4))
    np.testing.assert_allclose(floored[-1], -1e-3 * g / 1e-2, rtol=0.01)
