import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.tasks import noisy_quadratic


def test_gradients_are_those_of_the_quadratic_with_noise_of_its_curvature():
    task = noisy_quadratic(4)
    h = 1 / np.arange(1, 5)
    params, state = task.init(jax.random.key(0), {})
    w = np.asarray(params["w"])
    np.testing.assert_allclose(task.predict(params, state, {}), (h * w**2).sum(axis=1) / 2, 1e-5)

    def gradient(key):
        return jax.grad(task.loss, has_aux=True)(params, state, {}, key, train=True)[0]["w"]

    found = jax.jit(jax.vmap(gradient))(jax.random.split(jax.random.key(1), 4000))
    np.testing.assert_allclose(found.mean(axis=0), h * w, atol=0.1)
    np.testing.assert_allclose(found.var(axis=0), np.tile(h, (2, 1)), rtol=0.15)
    assert abs(float(jnp.corrcoef(found[:, 0, 0], found[:, 1, 0])[0, 1])) < 0.1
