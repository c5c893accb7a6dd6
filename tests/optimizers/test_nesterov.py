import jax.numpy as jnp
import numpy as np

from jaxdl.optimizers import nesterov, scale_by_nesterov


def test_by_hand():
    tx = scale_by_nesterov(0.5)
    state, rows = tx.init(jnp.zeros(1)), []
    for g in (4.0, 8.0, 0.0):  # velocities 4, 10, 5
        updates, state = tx.update(jnp.array([g]), state)
        rows.append(float(updates[0]))
    np.testing.assert_allclose(rows, [6.0, 13.0, 2.5], rtol=1e-6)


def test_is_the_two_point_form():
    """x_{t+1} = y_t − η∇f(y_t), y_{t+1} = x_{t+1} + γ (x_{t+1} − x_t), from x_0 = y_0."""
    curvature, rate, gamma = np.array([1.0, 5.0]), 0.1, 0.8
    x = y = np.array([1.0, -2.0])
    theta, tx = jnp.asarray(y, jnp.float32), nesterov(rate, gamma)
    state = tx.init(theta)
    for _ in range(10):
        updates, state = tx.update(jnp.asarray(curvature, jnp.float32) * theta, state)
        theta = theta + updates
        following = y - rate * curvature * y
        x, y = following, following + gamma * (following - x)
        np.testing.assert_allclose(theta, y, rtol=1e-4, atol=1e-6)
