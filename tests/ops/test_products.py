import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ops.products import inner_products, weighted_sums, wide_product

RNG = np.random.default_rng(0)
VECTORS, ROWS, WEIGHTS = (RNG.normal(size=size) for size in ((2, 3, 4), (2, 5, 4), (2, 3, 5)))
BATCHED = {
    "inner products": (inner_products, "mad,mnd->man", VECTORS, ROWS),
    "weighted sums": (weighted_sums, "man,mnd->mad", WEIGHTS, ROWS),
}
batched = pytest.mark.parametrize(("product", "indices", "a", "b"), BATCHED.values(), ids=BATCHED)


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


def gradients(indices, a, b, slopes):
    """Of the sum of all products by their slopes: sums over indices again."""
    of_a, of_b, of_slopes = indices.replace("->", ",").split(",")
    return (
        np.einsum(f"{of_slopes},{of_b}->{of_a}", slopes, b),
        np.einsum(f"{of_slopes},{of_a}->{of_b}", slopes, a),
    )


@batched
def test_batched_products_and_their_gradients_are_sums_over_indices(product, indices, a, b):
    expected = np.einsum(indices, a, b)
    slopes = RNG.normal(size=expected.shape)

    @jax.jit
    def found(a, b, slopes):
        value, pull = jax.vjp(product, a, b)
        return value, pull(slopes)

    value, pulled = found(*(jnp.asarray(x, jnp.float32) for x in (a, b, slopes)))
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    for each, by_hand in zip(pulled, gradients(indices, a, b, slopes), strict=True):
        np.testing.assert_allclose(each, by_hand, rtol=1e-5, atol=1e-6)


@batched
def test_gradients_of_the_gradients_of_batched_products(product, indices, a, b):
    """Of u·∂a + v·∂b, which is bilinear in (v, a), (u, b) and the slopes: Σ slopes·(u×b + a×v)."""
    slopes = RNG.normal(size=np.einsum(indices, a, b).shape)
    u, v = RNG.normal(size=a.shape), RNG.normal(size=b.shape)

    @jax.jit
    @jax.grad
    def found(at, u, v):
        a, b, slopes = at
        of_a, of_b = jax.vjp(product, a, b)[1](slopes)
        return (u * of_a).sum() + (v * of_b).sum()

    narrow = [jnp.asarray(x, jnp.float32) for x in (a, b, slopes, u, v)]
    by_hand = (
        gradients(indices, a, v, slopes)[0],
        gradients(indices, u, b, slopes)[1],
        np.einsum(indices, u, b) + np.einsum(indices, a, v),
    )
    for each, expected in zip(found(tuple(narrow[:3]), *narrow[3:]), by_hand, strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-5, atol=1e-5)


@batched
@pytest.mark.parametrize("dtypes", [("bfloat16", "float32"), ("float32", "float16")])
def test_gradients_of_batched_products_have_the_dtypes_of_the_factors(
    product, indices, a, b, dtypes
):
    narrow = [jnp.asarray(np.round(x), dtype) for x, dtype in zip((a, b), dtypes, strict=True)]
    value, pull = jax.vjp(product, *narrow)
    pulled = pull(jnp.ones_like(value))
    assert tuple(each.dtype.name for each in pulled) == dtypes
    rounded = [np.asarray(x, np.float64) for x in narrow]
    for each, by_hand in zip(pulled, gradients(indices, *rounded, value * 0 + 1), strict=True):
        np.testing.assert_array_equal(np.asarray(each, np.float64), by_hand)
