"""Pooling against PyTorch, XLA and numbers worked by hand."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ops.pooling import avg_pool, global_avg_pool, max_pool

KEY = jax.random.key(0)
CASES = {
    "line": ((2,), None),
    "apart": ((2, 3), None),
    "overlapping": ((3, 2), (2, 1)),
}


def golden(name):
    """Renew with tests/goldens/make_conv.py (`make goldens`)."""
    with np.load(Path(__file__).parents[1] / "goldens/conv.npz") as file:
        prefix = f"pool_{name}/"
        return {
            name.removeprefix(prefix): file[name] for name in file.files if name.startswith(prefix)
        }


@pytest.fixture(scope="module")
def found():
    """Outputs and gradients of all cases, compiled as one."""

    @jax.jit
    def all_cases(arrays):
        results = {}
        for name, (window, strides) in CASES.items():
            for kind, pool in (("max", max_pool), ("avg", avg_pool)):
                pool = functools.partial(pool, window=window, strides=strides)
                y, pull = jax.vjp(pool, arrays[name]["x"])
                results[f"{name}_{kind}"] = y, *pull(arrays[name][f"{kind}_dy"])
        return results

    with jax.enable_x64(True):
        return jax.device_get(all_cases({name: golden(name) for name in CASES}))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_outputs_and_gradients_are_those_of_torch(name, kind, found):
    """The goldens are full of ties, whose gradient goes to the first in row-major order."""
    arrays = golden(name)
    for ours, part in zip(found[f"{name}_{kind}"], ("y", "dx"), strict=True):
        np.testing.assert_allclose(ours, arrays[f"{kind}_{part}"], atol=1e-12, err_msg=part)


def test_maxima_are_those_of_xla():
    @jax.jit
    def compare(x):
        return [
            (
                max_pool(x, window, strides),
                jax.lax.reduce_window(
                    x, -jnp.inf, jax.lax.max, (1, *window, 1), (1, *strides, 1), "VALID"
                ),
            )
            for window, strides in (((2, 2), (2, 2)), ((3, 2), (1, 3)))
        ]

    for ours, theirs in compare(jax.random.normal(KEY, (2, 7, 7, 3))):
        np.testing.assert_array_equal(ours, theirs)


def test_the_gradient_of_a_tie_by_hand():
    x = np.array([[1.0, 5.0, 5.0, 2.0], [5.0, 0.0, 5.0, 5.0]], np.float32)[None, :, :, None]
    dy = np.array([10.0, 20.0]).reshape(1, 1, 2, 1)
    gradient = jax.jit(lambda x, dy: jax.vjp(lambda x: max_pool(x, (2, 2)), x)[1](dy)[0])(x, dy)
    np.testing.assert_array_equal(np.squeeze(gradient), [[0, 10, 20, 0], [0, 0, 0, 0]])


def test_what_does_not_fill_a_window_is_left_out():
    both = jax.jit(lambda x: (max_pool(x, (2,)), avg_pool(x, (2,))))
    largest, average = both(np.arange(5.0)[None, :, None])
    np.testing.assert_array_equal(np.ravel(largest), [1, 3])
    np.testing.assert_array_equal(np.ravel(average), [0.5, 2.5])


def test_negative_values_and_nan_pass():
    x = np.array([-3.0, -1.0, np.nan, 2.0])[None, :, None]
    found = jax.jit(lambda x: max_pool(x, (2,)))(x)
    np.testing.assert_array_equal(np.ravel(found), [-1, np.nan])


def test_global_average_of_any_size_does_not_see_positions():
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype(np.float32)
    pooled = global_avg_pool(jnp.asarray(x))
    np.testing.assert_allclose(pooled, x.mean((1, 2), np.float64), atol=1e-6)
    moved = np.roll(x, (2, 3), (1, 2))
    np.testing.assert_allclose(global_avg_pool(jnp.asarray(moved)), pooled, atol=1e-6)
    line = global_avg_pool(jnp.asarray(x[:, 0]))
    np.testing.assert_allclose(line, x[:, 0].mean(1, np.float64), atol=1e-6)


def test_a_shift_within_the_windows_hardly_moves_the_maxima():
    """Two equal bumps, one a position further right within its window: the same maxima."""
    x = np.array([0, 0, 3.0, 0, 0, 0, 1.0, 0]).reshape(1, 8, 1)
    pool = jax.jit(lambda x: max_pool(x, (2,)))
    np.testing.assert_array_equal(pool(np.roll(x, 1, 1)), pool(x))


def test_lanes_give_what_a_loop_gives():
    @jax.jit
    def three_ways(x):
        results = []
        for pool in (max_pool, avg_pool):
            gradient = jax.grad(lambda x, pool=pool: (pool(x, (3, 3), (1, 2)) ** 2).sum())
            single = jnp.stack([gradient(each) for each in x])
            results.append((single, jax.vmap(gradient)(x), jax.lax.map(gradient, x)))
        return results

    for expected, *others in three_ways(jax.random.normal(KEY, (2, 2, 6, 6, 2))):
        for found in others:
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pool", [max_pool, avg_pool])
def test_shapes_that_do_not_fit_are_refused(pool):
    with pytest.raises(ValueError, match=r"\(5, 5, 2\)"):
        pool(jnp.ones((5, 5, 2)), (2, 2))
    with pytest.raises(ValueError, match="does not fit"):
        pool(jnp.ones((1, 1, 4, 2)), (2, 2))
