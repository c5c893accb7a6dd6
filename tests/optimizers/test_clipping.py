"""Clipping by hand numbers and by its laws."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from jaxdl.optimizers import (
    adaptive_clip,
    clip_by_global_norm,
    clip_by_layer_norm,
    clip_by_value,
    global_norm,
)

few = settings(max_examples=30, deadline=None)
entries = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
bounds = st.floats(2.0**-10, 2.0**10, width=32)
trees = st.fixed_dictionaries(
    {
        "w": npst.arrays(np.float32, (3, 2), elements=entries),
        "b": npst.arrays(np.float32, (2,), elements=entries),
    }
)
TREE = {"a": np.float32([3.0, 0.0]), "b": np.float32([[0.0, 4.0]])}
BY_NORM = {"global": clip_by_global_norm, "layer": clip_by_layer_norm}
EVERY = {"value": clip_by_value, "adaptive": adaptive_clip, **BY_NORM}


def update(kind, limit, grads, params=None):
    tx = EVERY[kind](limit)
    return tx.update(grads, tx.init(grads), params)[0]


compiled_update = jax.jit(update, static_argnums=0)
compiled_norm = jax.jit(global_norm)


def clip(kind, limit, grads, params=None):
    return jax.device_get(compiled_update(kind, limit, grads, params))


def norm(*leaves):
    return np.sqrt(sum(np.sum(np.square(leaf, dtype=np.float64)) for leaf in leaves))


def assert_same_bits(got, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32)),
        got,
        expected,
    )


def test_by_value():
    got = clip("value", 2.5, {"w": np.float32([-9.0, -2.5, 1.0, 3.0])})
    np.testing.assert_array_equal(got["w"], [-2.5, -2.5, 1.0, 2.5])


def test_by_global_norm():
    assert float(compiled_norm(TREE)) == 5.0
    got = clip("global", 2.5, TREE)
    np.testing.assert_allclose(got["a"], [1.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(got["b"], [[0.0, 2.0]], rtol=1e-6)


def test_by_layer_norm():
    got = clip("layer", 3.5, TREE)
    np.testing.assert_array_equal(got["a"], [3.0, 0.0])
    np.testing.assert_allclose(got["b"], [[0.0, 3.5]], rtol=1e-6)


def test_adaptive_bounds_each_output_by_its_weights():
    weights = {"kernel": np.float32([[3.0, 0.0], [4.0, 0.0]]), "bias": np.float32([0.6, 0.8])}
    grads = {"kernel": np.float32([[0.0, 6.0], [2.0, 8.0]]), "bias": np.float32([0.3, 0.4])}
    tx = adaptive_clip(0.1, eps=1.0)
    got = jax.jit(lambda *given: tx.update(given[0], tx.init(given[0]), given[1])[0])(
        grads, weights
    )
    # Column norms 5 and 0 (so 1) allow 0.5 and 0.1; the gradients have 2 and 10.
    np.testing.assert_allclose(got["kernel"], [[0.0, 0.06], [0.5, 0.08]], rtol=1e-6)
    np.testing.assert_allclose(got["bias"], [0.06, 0.08], rtol=1e-6)


def test_adaptive_takes_a_convolution_kernel_by_output_channel():
    grads = np.ones((3, 3, 2, 4), np.float32) * np.float32([1.0, 2.0, 0.0, 1e-6])
    got = clip("adaptive", 0.5, grads, np.ones((3, 3, 2, 4), np.float32))
    expected = np.sqrt(18) * np.array([0.5, 0.5, 0.0, 1e-6])
    np.testing.assert_allclose(np.sqrt((got**2).sum((0, 1, 2))), expected, rtol=1e-6)


def test_adaptive_needs_parameters():
    with pytest.raises(ValueError, match="parameters"):
        adaptive_clip().update(TREE, adaptive_clip().init(TREE), None)


@few
@given(grads=trees, bound=bounds)
@pytest.mark.parametrize("kind", BY_NORM)
def test_norm_laws(kind, grads, bound):
    got = clip(kind, bound, grads)
    groups = [["w", "b"]] if kind == "global" else [["w"], ["b"]]
    for names in groups:
        before, after = norm(*(grads[n] for n in names)), norm(*(got[n] for n in names))
        if before <= bound * (1 - 1e-6):
            assert_same_bits([got[n] for n in names], [grads[n] for n in names])
        else:
            np.testing.assert_allclose(after, min(before, bound), rtol=1e-5)
            for name in names:
                expected = grads[name] * (after / before)
                np.testing.assert_allclose(got[name], expected, rtol=1e-5, atol=1e-30)


@few
@given(grads=trees, weights=trees, ratio=st.floats(1e-3, 1.0))
def test_adaptive_laws(grads, weights, ratio):
    got = clip("adaptive", ratio, grads, weights)
    allowed = ratio * max(norm(weights["b"]), 1e-3)
    assert norm(got["b"]) <= allowed * (1 + 1e-5)
    for column in range(2):
        g, out, w = (tree["w"][:, column] for tree in (grads, got, weights))
        allowed = ratio * max(norm(w), 1e-3)
        assert norm(out) <= allowed * (1 + 1e-5)
        if norm(g) <= allowed * (1 - 1e-6):
            np.testing.assert_array_equal(out, g)
        np.testing.assert_allclose(out * norm(g), g * norm(out), rtol=1e-4, atol=1e-30)


@few
@given(grads=trees, bound=bounds)
def test_value_laws(grads, bound):
    got = clip("value", bound, grads)
    jax.tree.map(
        lambda a, g: np.testing.assert_array_equal(a, np.clip(g, -bound, bound)), got, grads
    )


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("compiled", [False, True])
def test_zeros_and_gradients_at_the_bound_pass_unchanged(kind, compiled):
    ones = {"w": np.full((2, 2), 0.5, np.float32)}  # every norm here is exact
    limit = {"value": 0.5, "global": 1.0, "layer": 1.0, "adaptive": 1.0}[kind]
    run = compiled_update if compiled else update
    tiny = {"w": np.float32([[0.0, -0.0], [1e-30, -1e-42]])}
    for grads in (ones, jax.tree.map(np.zeros_like, ones), tiny):
        held = jax.tree.map(jnp.asarray, grads)
        got = jax.tree.map(np.asarray, run(kind, jnp.float32(limit), held, ones))
        assert_same_bits(got, grads)


@pytest.mark.parametrize("kind", EVERY)
def test_a_zero_gradient_makes_no_nan_on_the_way(kind):
    zeros, ones = jnp.zeros((2, 2)), jnp.ones((2, 2))
    with jax.debug_nans(True):  # on the way: no operation of its own may have one
        got = update(kind, 1.0, zeros, ones)
    np.testing.assert_array_equal(got, 0)


@pytest.mark.parametrize("kind", EVERY)
def test_bounds_are_batched_dtypes_kept_and_empty_trees_fine(kind):
    grads = {"w": np.full((2, 2), 8.0, jnp.bfloat16)}
    lanes = jax.jit(jax.vmap(lambda limit: update(kind, limit, grads, grads)))
    got = np.asarray(lanes(jnp.array([0.25, 0.5]))["w"])
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(got[1].astype(float), 2 * got[0].astype(float), rtol=1e-6)
    assert np.all(got[1] < 8)
    assert EVERY[kind](1.0).update({}, EVERY[kind](1.0).init({}), {})[0] == {}


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_norms_of_narrow_gradients_are_those_of_float64(dtype):
    grads = jax.tree.map(lambda n: np.full(n, 300, dtype), {"a": 1000, "b": 24})
    # 1024 equal squares, each beyond float16
    assert float(compiled_norm(grads)) == 300 * 32
    got = clip("global", 32.0, grads)
    np.testing.assert_array_equal(got["a"], 1)


@pytest.mark.parametrize("kind", BY_NORM)
def test_squares_that_overflow_keep_the_direction(kind):
    grads = {"w": np.float32([3e25, 0.0, -4e25])}
    got = clip(kind, 5.0, grads)["w"]
    np.testing.assert_allclose(got, [3, 0, -4], rtol=1e-6)
    np.testing.assert_allclose(compiled_norm(grads), 5e25, rtol=1e-6)
    with jax.enable_x64(True):
        np.testing.assert_allclose(compiled_norm({"w": np.array([3e200, 4e200])}), 5e200)


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_not_finite_stays_so(kind):
    for bad in (np.nan, np.inf):
        got = clip(kind, 0.5, np.float32([[bad], [1.0]]), np.ones((2, 1), np.float32))
        assert (kind == "value" and np.isinf(bad)) or np.isnan(got[0, 0])


@functools.partial(jax.jit, static_argnums=0)
def slopes(kind, point):
    """The derivative at gradients and parameters `[2, 2]`, and differences over 2e-6."""

    def clipped(point):
        return update(kind, 0.5, point[0], point[1]) @ jnp.array([1.0, 2.0])

    steps = 1e-6 * jnp.eye(4).reshape(4, 2, 2)
    up, down = (jax.vmap(clipped)(point[None] + sign * steps) for sign in (1, -1))
    return jax.grad(clipped)(point).ravel(), (up - down) / 2e-6


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("size", [0.0, 0.01, 2.0])
def test_derivatives_through_clipping_are_those_of_differences(kind, size):
    with jax.enable_x64(True):
        slope, expected = slopes(kind, np.array([[size * 0.6, size * -0.8], [0.3, 0.4]]))
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-8)


def test_the_derivative_of_the_norm_at_zero_is_zero():
    zeros = {"a": np.zeros(3, np.float32), "b": np.zeros(2, jnp.bfloat16)}
    slope = jax.device_get(jax.jit(jax.grad(global_norm))(zeros))
    jax.tree.map(lambda leaf: np.testing.assert_array_equal(leaf.astype(float), 0), slope)
    # and of adaptive clipping at weights of zero, whose gradient is clipped to the floor
    total = lambda w: update("adaptive", 0.1, jnp.ones(2), w).sum()  # noqa: E731
    np.testing.assert_array_equal(jax.jit(jax.grad(total))(jnp.zeros(2)), 0)
