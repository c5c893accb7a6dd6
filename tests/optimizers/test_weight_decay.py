import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.optimizers import add_weight_decay


def test_by_hand():
    tx, params = add_weight_decay(0.5), {"w": jnp.array([2.0, -4.0])}
    updates, _ = tx.update({"w": jnp.array([1.0, 1.0])}, tx.init(params), params)
    np.testing.assert_array_equal(updates["w"], [2.0, -1.0])


def test_needs_parameters():
    tx = add_weight_decay(0.5)
    with pytest.raises(ValueError, match="parameters"):
        tx.update(jnp.ones(2), tx.init(jnp.ones(2)))
