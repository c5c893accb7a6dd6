import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.optimizers import proximal


def test_a_step_ends_where_the_operator_takes_it():
    """Lasso of one orthonormal column each: minimizers are soft thresholds of the targets."""
    targets, strength, rate = jnp.array([2.0, -0.3, 0.1, -1.5]), 0.5, 0.2

    def soft(x):
        return jnp.sign(x) * jnp.maximum(jnp.abs(x) - rate * strength, 0)

    tx = optax.chain(optax.sgd(rate), proximal(soft))
    params = jnp.zeros(4)
    state = tx.init(params)
    for _ in range(100):
        updates, state = tx.update(params - targets, state, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(params, [1.5, 0, 0, -1.0], atol=1e-6)
    assert (params[1:3] == 0).all()
