"""Averages against their closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.optimizers.averages import accumulators, debias, ema, weight_sum

few = settings(max_examples=30, deadline=None)
decays = st.floats(0.0, 0.999)
sequences = st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=1, max_size=12)


def running(values, decay):
    """The average after all values, in a two-leaf tree: θ itself and [2θ, −θ]."""
    trees = [{"a": np.float64(v), "b": np.array([2 * v, -v])} for v in values]
    average = accumulators(trees[0])
    for tree in trees:
        average = ema(tree, average, decay)
    return average


@few
@given(values=sequences, decay=decays)
def test_closed_form(values, decay):
    count = len(values)
    weights = (1 - decay) * decay ** np.arange(count)[::-1]
    expected = np.dot(weights, values)
    tolerance = 1e-11 * np.dot(weights, np.abs(values)) + 1e-300
    with jax.enable_x64(True):
        average = running(values, decay)
        corrected = debias(average, decay, count)
        total = weight_sum(decay, count)
    np.testing.assert_allclose(average["a"], expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(average["b"], [2 * expected, -expected], rtol=0, atol=2 * tolerance)
    np.testing.assert_allclose(total, weights.sum(), rtol=1e-11)
    np.testing.assert_allclose(
        corrected["a"], expected / weights.sum(), rtol=0, atol=10 * tolerance / weights.sum()
    )


@few
@given(value=st.floats(-1e3, 1e3, allow_subnormal=False), decay=decays, count=st.integers(1, 10))
def test_corrected_average_of_a_constant_is_the_constant(value, decay, count):
    with jax.enable_x64(True):
        corrected = debias(running([value] * count, decay), decay, count)
    np.testing.assert_allclose(corrected["a"], value, rtol=1e-11, atol=1e-300)


def test_by_hand():
    v = accumulators(jnp.zeros(1))
    for value, expected in ((4.0, 1.0), (8.0, 2.75)):
        v = ema(jnp.array([value]), v, 0.75)
        np.testing.assert_allclose(v, [expected], rtol=1e-6)
    np.testing.assert_allclose(debias(v, 0.75, 2), [2.75 / 0.4375], rtol=1e-6)


def test_a_bfloat16_average_is_kept_in_float32():
    tree = {"low": jnp.ones(2, jnp.bfloat16), "single": jnp.ones(2)}
    average = accumulators(tree)
    for _ in range(3):
        average = ema(tree, average, jnp.float32(0.999))
    assert {leaf.dtype for leaf in jax.tree.leaves(average)} == {jnp.dtype("float32")}
    np.testing.assert_allclose(average["low"], 1 - 0.999**3, rtol=1e-3)


@pytest.mark.parametrize("leaf", [jnp.ones(2, jnp.int32), jnp.ones(2, jnp.complex64)])
def test_only_real_floats(leaf):
    with pytest.raises(TypeError, match="floating-point"):
        accumulators({"w": leaf})
