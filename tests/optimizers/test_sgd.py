import jax.numpy as jnp
import numpy as np

from jaxdl.optimizers import sgd


def test_by_hand():
    tx = sgd(0.5)
    updates, state = tx.update({"w": jnp.array([2.0, -4.0])}, tx.init({"w": jnp.zeros(2)}))
    np.testing.assert_array_equal(updates["w"], [-1.0, 2.0])
    assert state.step == 1


def test_a_schedule_is_asked_from_step_zero():
    tx = sgd(lambda step: jnp.asarray([10.0, 20.0, 30.0])[step])
    g = jnp.array([1.0])
    state, seen = tx.init(g), []
    for _ in range(3):
        updates, state = tx.update(g, state)
        seen.append(float(updates[0]))
    assert seen == [-10.0, -20.0, -30.0]


def test_the_step_stops_at_the_largest_integer():
    tx = sgd(0.1)
    last = jnp.int32(2**31 - 1)
    _, state = tx.update(jnp.ones(1), tx.init(jnp.ones(1))._replace(step=last))
    assert state.step == last
