import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import numerics


def test_an_example_is_broken_by_its_value_or_by_its_gradient():
    z, label = jnp.array([[1.0, 2.0], [-200.0, 0.0], [0.0, 0.0]]), jnp.array([0, 0, 1])
    loss = lambda z, label: jnp.sqrt(jnp.abs(z[0])) + jnp.exp(-z[label])  # noqa: E731
    found = jax.jit(lambda *given: numerics.broken(loss, *given))(z, label)
    # The second overflows; the third has an infinite slope.
    np.testing.assert_array_equal(found, [False, True, True])
