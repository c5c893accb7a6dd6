import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.layers import LayerMix

LAYERS = jax.random.normal(jax.random.key(0), (3, 2, 4, 5))


def test_a_new_mix_is_the_mean_of_the_layers():
    found, _ = LayerMix().init_with_output(jax.random.key(0), LAYERS)
    np.testing.assert_allclose(found, LAYERS.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_the_mix_of_peters_et_al_by_hand():
    params = {"weights": jnp.log(jnp.array([1.0, 2.0, 5.0])), "gamma": jnp.array(4.0)}
    found = LayerMix().apply({"params": params}, LAYERS)
    expected = 0.5 * LAYERS[0] + 1.0 * LAYERS[1] + 2.5 * LAYERS[2]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
