import jax.numpy as jnp
import numpy as np

from jaxdl.optimizers import adagrad, scale_by_adagrad


def walk(tx, grads):
    state, rows = tx.init(jnp.zeros(1)), []
    for g in grads:
        updates, state = tx.update(jnp.array([g]), state)
        rows.append(float(updates[0]))
    return rows


def test_by_hand():
    np.testing.assert_allclose(walk(scale_by_adagrad(), [3.0, 4.0]), [1.0, 0.8], rtol=1e-6)
    np.testing.assert_allclose(walk(scale_by_adagrad(eps=2.0), [3.0, 4.0]), [0.6, 4 / 7], rtol=1e-6)
    inside = scale_by_adagrad(eps=0.0, eps_root=16.0)
    np.testing.assert_allclose(walk(inside, [3.0]), [0.6], rtol=1e-6)
    np.testing.assert_allclose(walk(scale_by_adagrad(initial=16.0), [3.0]), [0.6], rtol=1e-6)


def test_effective_rate_decays_with_the_root_of_the_steps():
    steps = np.arange(1, 26)
    np.testing.assert_allclose(walk(adagrad(0.1), [7.0] * 25), -0.1 / np.sqrt(steps), rtol=1e-5)


def test_a_rare_feature_keeps_its_rate():
    often, rarely = walk(adagrad(1.0), [1.0] * 9), walk(adagrad(1.0), [0.0] * 8 + [1.0])
    np.testing.assert_allclose([often[-1], rarely[-1]], [-1 / 3, -1.0], rtol=1e-6)
