import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.dropout import Dropout

X = jnp.ones((200, 100))


def drop(rate, x=X, seed=0, train=True):
    return Dropout(rate).apply({}, x, train=train, rngs={"dropout": jax.random.key(seed)})


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_mean_is_preserved_and_share_dropped_is_the_rate(rate):
    y = drop(rate)
    # 20,000 draws: five standard errors.
    error = 5 * np.sqrt(rate / (1 - rate) / X.size)
    assert abs(float(y.mean()) - 1) < error
    assert abs(float((y == 0).mean()) - rate) < error
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)


def test_identity_in_evaluation_and_at_rate_zero():
    assert (drop(0.5, train=False) == X).all()
    assert (drop(0.0) == X).all()
    # At rate zero no random numbers are asked for.
    assert (Dropout(0.0).apply({}, X, train=True) == X).all()


def test_one_draw_along_the_axes_that_share_it():
    x, rngs = jnp.ones((20, 30, 40)), {"dropout": jax.random.key(0)}
    y = np.asarray(Dropout(0.5, shared=(1,)).apply({}, x, train=True, rngs=rngs))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert set(np.unique(y)) == {0, 2}
    assert abs(y.mean() - 1) < 5 / np.sqrt(20 * 40)
    assert (y[0] != y[1]).any()


def test_same_key_same_mask():
    assert (drop(0.5) == drop(0.5)).all()
    assert (drop(0.5) != drop(0.5, seed=1)).any()


def test_traced_rate_equals_static_rate_in_every_placement():
    rates = jnp.array([0.0, 0.25, 0.5])
    expected = jnp.stack([drop(jnp.float32(rate)) for rate in rates])
    np.testing.assert_array_equal(jax.vmap(drop)(rates), expected)
    np.testing.assert_array_equal(jax.lax.map(drop, rates), expected)
    np.testing.assert_array_equal(expected[2], drop(0.5))


def test_gradient_is_the_mask_and_finite_at_rate_one():
    y, gradient = jax.value_and_grad(lambda x: drop(jnp.float32(0.5), x).sum())(X)
    assert float(gradient.sum()) == pytest.approx(float(y))
    gradient = jax.grad(lambda x: drop(jnp.float32(1.0), x).sum())(X)
    assert (gradient == 0).all()


DTYPES = [jnp.float64, jnp.float32, jnp.bfloat16, jnp.float16]


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("rate", [0.001, 0.3, 0.999])
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_every_dtype_drops_and_scales_as_float64(dtype, rate, traced):
    x = np.random.default_rng(0).uniform(0.5, 1, (400, 250))
    with jax.enable_x64(dtype == jnp.float64):
        inputs = jnp.asarray(x, dtype)
        y = drop(jnp.asarray(rate) if traced else rate, inputs)
    assert y.dtype == dtype
    kept = np.asarray(y) != 0
    error = 5 * np.sqrt(rate * (1 - rate) / x.size)
    assert abs((~kept).mean() - rate) < error
    expected = np.asarray(inputs, np.float64)[kept] / (1 - rate)
    # 1 − 0.999 in float32 is right to 6e-5 of itself.
    rounding = 1e-15 / (1 - rate) if dtype == jnp.float64 else 6e-8 / (1 - rate)
    rounding += float(jnp.finfo(dtype).eps) / 2
    np.testing.assert_allclose(np.asarray(y, np.float64)[kept], expected, rtol=rounding)


def test_the_same_elements_are_dropped_in_every_narrow_dtype():
    masks = [np.asarray(drop(0.3, X.astype(dtype))) == 0 for dtype in DTYPES[1:]]
    np.testing.assert_array_equal(masks[1], masks[0])
    np.testing.assert_array_equal(masks[2], masks[0])


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("dtype", [jnp.int32, jnp.uint8, bool])
def test_inputs_that_are_no_floats_are_refused(dtype, train):
    with pytest.raises(ValueError, match="floats are needed"):
        drop(0.5, jnp.ones((2, 2), dtype), train=train)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan")])
def test_a_rate_outside_its_range_is_refused(rate):
    with pytest.raises(ValueError, match=rf"dropout rate {rate} is outside \[0, 1\)"):
        drop(rate)
