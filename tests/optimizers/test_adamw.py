import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.optimizers import adam, adamw, add_weight_decay

PARAMS = {"kernel": np.float32([[2.0, -4.0]]), "bias": np.float32([3.0])}
ZEROS = jax.tree.map(jnp.zeros_like, PARAMS)


def first_update(tx, grads):
    return tx.update(grads, tx.init(PARAMS), PARAMS)[0]


def test_decay_alone_shrinks_all_weights_alike():
    updates = first_update(adamw(0.1, weight_decay=0.5), ZEROS)
    np.testing.assert_allclose(updates["kernel"], [[-0.1, 0.2]], rtol=1e-6)
    np.testing.assert_allclose(updates["bias"], [-0.15], rtol=1e-6)


def test_l2_is_divided_away_by_adam():
    updates = first_update(optax.chain(add_weight_decay(0.5), adam(0.1)), ZEROS)
    np.testing.assert_allclose(updates["kernel"], [[-0.1, 0.1]], rtol=1e-5)


@pytest.mark.parametrize(
    "mask",
    [{"kernel": True, "bias": False}, lambda tree: jax.tree.map(lambda leaf: leaf.ndim > 1, tree)],
)
def test_mask_spares_leaves(mask):
    updates = first_update(adamw(0.1, weight_decay=0.5, mask=mask), ZEROS)
    np.testing.assert_allclose(updates["kernel"], [[-0.1, 0.2]], rtol=1e-6)
    np.testing.assert_array_equal(updates["bias"], [0.0])


def test_decay_comes_on_top_of_adam():
    grads = jax.tree.map(jnp.asarray, PARAMS)
    got, plain = first_update(adamw(0.1, weight_decay=0.5), grads), first_update(adam(0.1), grads)
    difference = jax.tree.map(lambda a, b: a - b, got, plain)
    np.testing.assert_allclose(difference["kernel"], -0.05 * PARAMS["kernel"], rtol=1e-5)
