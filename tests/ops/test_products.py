import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.ops.products import wide_product


def test_narrow_factors_give_float32_and_no_product_of_two_dtypes():
    rng = np.random.default_rng(0)
    # Small integers: exact in bfloat16, and so is every sum in float32.
    x, w, dy = (rng.integers(-4, 5, shape) for shape in ((6, 5), (5, 3), (6, 3)))
    narrow = [jnp.asarray(value, jnp.bfloat16) for value in (x, w)]

    def back(x, w, dy):
        y, pull = jax.vjp(wide_product, x, w)
        return y, *pull(dy)

    arguments = (*narrow, jnp.asarray(dy, jnp.float32))
    y, dx, dw = jax.jit(back)(*arguments)
    assert (y.dtype, dx.dtype, dw.dtype) == (jnp.float32, jnp.bfloat16, jnp.bfloat16)
    np.testing.assert_array_equal(y, x @ w)
    np.testing.assert_array_equal(dx.astype(jnp.float32), dy @ w.T)
    np.testing.assert_array_equal(dw.astype(jnp.float32), x.T @ dy)

    lines = jax.jit(back).lower(*arguments).as_text().splitlines()
    factors = [line.split(" : ")[-1].split("->")[0] for line in lines if "dot_general" in line]
    assert len(factors) == 3
    assert not any("f32" in each for each in factors)


def test_float32_is_the_ordinary_product():
    x, w = jnp.ones((2, 3)), jnp.ones((3, 4))
    _, tangent = jax.jvp(wide_product, (x, w), (x, w))
    np.testing.assert_array_equal(tangent, 2 * (x @ w))
