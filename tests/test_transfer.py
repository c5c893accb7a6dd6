import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import masks, tasks, train, transfer
from jaxdl.models import MLP
from jaxdl.optimizers import adam, adamw, sgd

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
BATCH = {"x": X, "y": np.arange(8, dtype=np.int32) % 3}
TASK = tasks.classification(MLP((6, 5), 3))
TRUNK = "Dense_[01]"


def trained(tx, batch=BATCH):
    """The parameters before and after five steps."""
    first = state = train.init(TASK, tx, KEY, batch)
    for state, _ in train.fit(TASK, tx, state, [batch] * 5):
        pass
    return first.params, state.params


def same_bits(before, after):
    return jax.tree.map(
        lambda a, b: a.tobytes() == b.tobytes(), *map(jax.device_get, (before, after))
    )


def scaled_adam(factor):
    return optax.chain(adam(0.01), transfer.scale_by_path({TRUNK: factor}))


@pytest.mark.parametrize(
    "tx",
    [transfer.freeze(adamw(0.01, weight_decay=0.1), TRUNK), scaled_adam(0.0)],
    ids=["freeze", "factor 0"],
)
def test_frozen_leaves_keep_their_bits_and_all_others_move(tx):
    before, after = trained(tx)
    assert same_bits(before, after) == masks.by_path(before, TRUNK)


def test_the_rest_of_a_frozen_network_trains_as_the_head_alone():
    before, after = trained(transfer.freeze(adam(0.01), TRUNK))
    h = X
    for name in ("Dense_0", "Dense_1"):
        h = jax.nn.relu(h @ before[name]["kernel"] + before[name]["bias"][None])
    head, tx = tasks.classification(MLP((), 3)), adam(0.01)
    state = train.init(head, tx, KEY, {**BATCH, "x": h})
    state = state._replace(params={"Dense_0": before["Dense_2"]})
    for state, _ in train.fit(head, tx, state, [{**BATCH, "x": h}] * 5):
        pass
    for name in ("kernel", "bias"):
        np.testing.assert_allclose(
            after["Dense_2"][name], state.params["Dense_0"][name], rtol=1e-5, atol=1e-6
        )


def test_a_factor_is_a_learning_rate_of_its_own():
    params = TASK.init(KEY, BATCH)[0]
    gradients = jax.tree.map(jnp.ones_like, params)

    @jax.jit
    def updates(low):
        factors = {"Dense_0/bias": 3.0, "Dense_0": low}
        tx = optax.chain(sgd(0.1), transfer.scale_by_path(factors))
        return tx.update(gradients, tx.init(params), params)[0]

    for low in (0.5, 0.0):
        found = updates(low)
        np.testing.assert_allclose(found["Dense_0"]["kernel"], -0.1 * low, rtol=1e-6)
        np.testing.assert_allclose(found["Dense_0"]["bias"], -0.3, rtol=1e-6)
        np.testing.assert_allclose(found["Dense_1"]["kernel"], -0.1, rtol=1e-6)
    assert updates._cache_size() == 1


def test_a_graft_takes_the_head_and_leaves_the_rest():
    old = TASK.init(KEY, BATCH)[0]
    fresh = tasks.classification(MLP((6, 5), 7)).init(jax.random.key(1), BATCH)[0]
    found = transfer.graft(old, fresh, "Dense_2")
    assert found["Dense_2"]["kernel"].shape == (5, 7)
    assert all(jax.tree.leaves(same_bits(found["Dense_2"], fresh["Dense_2"])))
    for name in ("Dense_0", "Dense_1"):
        assert all(jax.tree.leaves(same_bits(found[name], old[name])))


def test_a_graft_that_leaves_another_shape_is_refused():
    old = TASK.init(KEY, BATCH)[0]
    fresh = tasks.classification(MLP((6, 9), 3)).init(KEY, BATCH)[0]
    with pytest.raises(ValueError, match=r"does not match has shape \(5,\) in one tree and \(9,\)"):
        transfer.graft(old, fresh, "Dense_2")


@pytest.mark.parametrize("tx", [transfer.freeze(sgd(0.1), "haed"), scaled_adam(0.0)])
def test_a_pattern_without_a_leaf_is_refused(tx):
    params = {"head": jnp.zeros(2)}
    with pytest.raises(ValueError, match="no parameter path matches"):
        tx.update(params, tx.init(params), params)
