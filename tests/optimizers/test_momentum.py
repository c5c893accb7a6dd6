import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.optimizers import (
    momentum,
    momentum_averaged,
    scale_by_averaged_momentum,
    scale_by_momentum,
)


def walk(tx, grads):
    state, rows = tx.init(jnp.zeros(1)), []
    for g in grads:
        updates, state = tx.update(jnp.array([g]), state)
        rows.append(float(updates[0]))
    return rows


@pytest.mark.parametrize(
    ("tx", "expected"),
    [
        (scale_by_momentum(0.5), [4.0, 10.0, 5.0]),
        (scale_by_averaged_momentum(0.5), [2.0, 5.0, 2.5]),
        # The rate multiplies the velocity once, however old the gradients in it.
        (momentum(0.1, 0.5), [-0.4, -1.0, -0.5]),
        (momentum_averaged(0.1, 0.5), [-0.2, -0.5, -0.25]),
    ],
)
def test_by_hand(tx, expected):
    np.testing.assert_allclose(walk(tx, [4.0, 8.0, 0.0]), expected, rtol=1e-6)


def test_terminal_velocity_on_a_constant_gradient():
    np.testing.assert_allclose(walk(momentum(0.1, 0.5), [1.0] * 30)[-1], -0.1 / 0.5, rtol=1e-6)
    np.testing.assert_allclose(walk(momentum_averaged(0.1, 0.5), [1.0] * 30)[-1], -0.1, rtol=1e-6)


def test_rate_changes_apply_to_the_whole_velocity():
    rows = walk(momentum(lambda step: jnp.where(step < 1, 1.0, 0.0), 0.5), [4.0, 8.0])
    assert rows == [-4.0, 0.0]
