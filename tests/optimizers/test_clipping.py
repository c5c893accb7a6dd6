"""Clipping by hand numbers and by its laws."""

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


def clip(tx, grads, params=None):
    grads = jax.tree.map(jnp.asarray, grads)
    return jax.tree.map(np.asarray, tx.update(grads, tx.init(grads), params)[0])


def norm(*leaves):
    return np.sqrt(sum(np.sum(np.square(leaf, dtype=np.float64)) for leaf in leaves))


def assert_same_bits(got, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32)),
        got,
        expected,
    )


def test_by_value():
    got = clip(clip_by_value(2.5), {"w": np.float32([-9.0, -2.5, 1.0, 3.0])})
    np.testing.assert_array_equal(got["w"], [-2.5, -2.5, 1.0, 2.5])


def test_by_global_norm():
    assert global_norm(TREE) == 5.0
    got = clip(clip_by_global_norm(2.5), TREE)
    np.testing.assert_allclose(got["a"], [1.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(got["b"], [[0.0, 2.0]], rtol=1e-6)


def test_by_layer_norm():
    got = clip(clip_by_layer_norm(3.5), TREE)
    np.testing.assert_array_equal(got["a"], [3.0, 0.0])
    np.testing.assert_allclose(got["b"], [[0.0, 3.5]], rtol=1e-6)


def test_adaptive_bounds_each_output_by_its_weights():
    weights = {"kernel": np.float32([[3.0, 0.0], [4.0, 0.0]]), "bias": np.float32([0.6, 0.8])}
    grads = {"kernel": np.float32([[0.0, 6.0], [2.0, 8.0]]), "bias": np.float32([0.3, 0.4])}
    got = clip(adaptive_clip(0.1, eps=1.0), grads, weights)
    # Column norms 5 and 0 (so 1) allow 0.5 and 0.1; the gradients have 2 and 10.
    np.testing.assert_allclose(got["kernel"], [[0.0, 0.06], [0.5, 0.08]], rtol=1e-6)
    np.testing.assert_allclose(got["bias"], [0.06, 0.08], rtol=1e-6)


def test_adaptive_takes_a_convolution_kernel_by_output_channel():
    grads = np.ones((3, 3, 2, 4), np.float32) * np.float32([1.0, 2.0, 0.0, 1e-6])
    got = clip(adaptive_clip(0.5), grads, np.ones((3, 3, 2, 4), np.float32))
    expected = np.sqrt(18) * np.array([0.5, 0.5, 0.0, 1e-6])
    np.testing.assert_allclose(np.sqrt((got**2).sum((0, 1, 2))), expected, rtol=1e-6)


def test_adaptive_needs_parameters():
    with pytest.raises(ValueError, match="parameters"):
        clip(adaptive_clip(), TREE)


@few
@given(grads=trees, bound=bounds)
@pytest.mark.parametrize("kind", BY_NORM)
def test_norm_laws(kind, grads, bound):
    got = clip(BY_NORM[kind](bound), grads)
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
    got = clip(adaptive_clip(ratio), grads, weights)
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
    got = clip(clip_by_value(bound), grads)
    jax.tree.map(
        lambda a, g: np.testing.assert_array_equal(a, np.clip(g, -bound, bound)), got, grads
    )


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("compiled", [False, True])
def test_zeros_and_gradients_at_the_bound_pass_unchanged(kind, compiled):
    ones = {"w": np.full((2, 2), 0.5, np.float32)}  # every norm here is exact
    limit = {"value": 0.5, "global": 1.0, "layer": 1.0, "adaptive": 1.0}[kind]

    def run(grads, limit):
        tx = EVERY[kind](limit)
        return tx.update(grads, tx.init(grads), ones)[0]

    run = jax.jit(run) if compiled else run
    tiny = {"w": np.float32([[0.0, -0.0], [1e-30, -1e-42]])}
    for grads in (ones, jax.tree.map(np.zeros_like, ones), tiny):
        got = jax.tree.map(np.asarray, run(jax.tree.map(jnp.asarray, grads), jnp.float32(limit)))
        assert_same_bits(got, grads)


@pytest.mark.parametrize("kind", EVERY)
def test_a_zero_gradient_makes_no_nan_on_the_way(kind):
    with jax.debug_nans(True):
        got = clip(EVERY[kind](1.0), np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32))
    np.testing.assert_array_equal(got, 0)


@pytest.mark.parametrize("kind", EVERY)
def test_bounds_are_batched_dtypes_kept_and_empty_trees_fine(kind):
    grads = {"w": jnp.full((2, 2), 8.0, jnp.bfloat16)}

    def run(limit):
        tx = EVERY[kind](limit)
        return tx.update(grads, tx.init(grads), grads)[0]

    got = jax.vmap(run)(jnp.array([0.25, 0.5]))["w"]
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(got[1].astype(float), 2 * got[0].astype(float), rtol=1e-6)
    assert np.all(got[1] < 8)
    assert EVERY[kind](1.0).update({}, EVERY[kind](1.0).init({}), {})[0] == {}


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_norms_of_narrow_gradients_are_those_of_float64(dtype):
    grads = jax.tree.map(lambda n: jnp.full(n, 300, dtype), {"a": 1000, "b": 24})
    assert global_norm(grads) == 300 * 32  # 1024 equal squares, each beyond float16
    got = clip(clip_by_global_norm(32.0), grads)
    np.testing.assert_array_equal(got["a"], 1)


@pytest.mark.parametrize("kind", BY_NORM)
def test_squares_that_overflow_keep_the_direction(kind):
    grads = {"w": np.float32([3e25, 0.0, -4e25])}
    got = clip(BY_NORM[kind](5.0), grads)["w"]
    np.testing.assert_allclose(got, [3, 0, -4], rtol=1e-6)
    np.testing.assert_allclose(global_norm(grads), 5e25, rtol=1e-6)
    with jax.enable_x64(True):
        np.testing.assert_allclose(global_norm({"w": np.array([3e200, 4e200])}), 5e200)


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_not_finite_stays_so(kind):
    for bad in (np.nan, np.inf):
        got = clip(EVERY[kind](0.5), np.float32([[bad], [1.0]]), np.ones((2, 1), np.float32))
        assert (kind == "value" and np.isinf(bad)) or np.isnan(got[0, 0])


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("size", [0.0, 0.01, 2.0])
def test_derivatives_through_clipping_are_those_of_differences(kind, size):
    grads, params = size * jnp.array([0.6, -0.8]), jnp.array([0.3, 0.4])

    def clipped(grads, params):
        tx = EVERY[kind](0.5)
        return tx.update(grads, tx.init(grads), params)[0] @ jnp.array([1.0, 2.0])

    with jax.enable_x64(True):
        grads, params = grads.astype(jnp.float64), params.astype(jnp.float64)
        for slot in range(2):
            slope = jax.grad(clipped, argnums=slot)(grads, params)
            steps = 1e-6 * jnp.eye(2)
            args = [(grads + s, params) if slot == 0 else (grads, params + s) for s in steps]
            back = [(grads - s, params) if slot == 0 else (grads, params - s) for s in steps]
            pairs = zip(args, back, strict=True)
            expected = [(clipped(*a) - clipped(*b)) / 2e-6 for a, b in pairs]
            np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-8)


def test_the_derivative_of_the_norm_at_zero_is_zero():
    slope = jax.grad(global_norm)({"a": jnp.zeros(3), "b": jnp.zeros(2, jnp.bfloat16)})
    jax.tree.map(lambda leaf: np.testing.assert_array_equal(leaf.astype(float), 0), slope)
    # and of adaptive clipping at weights of zero, whose gradient is clipped to the floor
    tx = adaptive_clip(0.1)
    slope = jax.grad(lambda w: tx.update(jnp.ones(2), tx.init(w), w)[0].sum())(jnp.zeros(2))
    np.testing.assert_array_equal(slope, 0)
