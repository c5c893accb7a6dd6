"""Averages against their closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.optimizers import accumulators, corrected_ema, ema
from jaxdl.optimizers._averages import weight_sum

few = settings(max_examples=30, deadline=None)
decays = st.floats(0.0, 0.999)
sequences = st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=1, max_size=12)


def running(values, decay):
    """Both averages after all values, in a two-leaf tree: θ itself and [2θ, −θ]."""
    trees = [{"a": np.float64(v), "b": np.array([2 * v, -v])} for v in values]
    average = corrected = accumulators(trees[0])
    for count, tree in enumerate(trees, 1):
        average = ema(tree, average, decay)
        corrected = corrected_ema(tree, corrected, decay, count)
    return average, corrected


@few
@given(values=sequences, decay=decays)
def test_closed_form(values, decay):
    count = len(values)
    weights = (1 - decay) * decay ** np.arange(count)[::-1]
    expected = np.dot(weights, values)
    # A decay near 0 is 1 − (1 − decay), of which the rounding is that of 1.
    tolerance = 1e-11 * np.dot(weights, np.abs(values)) + 1e-15 * np.max(np.abs(values)) + 1e-300
    with jax.enable_x64(True):
        average, corrected = running(values, decay)
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
        _, corrected = running([value] * count, decay)
    np.testing.assert_allclose(corrected["a"], value, rtol=1e-11, atol=1e-300)


def test_by_hand():
    v = corrected = accumulators(jnp.zeros(1))
    for count, (value, expected) in enumerate(((4.0, 1.0), (8.0, 2.75)), 1):
        v = ema(jnp.array([value]), v, 0.75)
        corrected = corrected_ema(jnp.array([value]), corrected, 0.75, count)
        np.testing.assert_allclose(v, [expected], rtol=1e-6)
    np.testing.assert_allclose(corrected, [2.75 / 0.4375], rtol=1e-6)


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


SHARES = np.array([1.0, 0.5, 1e-1, 1e-3, 1e-5, 1e-7])
COUNTS = np.array([1, 2, 10, 1000, 10**6], np.int32)


@pytest.mark.parametrize("traced", [True, False])
def test_the_sum_of_the_weights_is_that_of_float64(traced):
    decays = 1 - SHARES
    if traced:  # what float32 makes of the decay is the parametrization
        decays = decays.astype(np.float32)
        table = jax.jit(jax.vmap(jax.vmap(weight_sum, (None, 0)), (0, None)))
        got = table(jnp.asarray(decays), jnp.asarray(COUNTS))
    else:
        got = np.array([[weight_sum(float(d), jnp.int32(t)) for t in COUNTS] for d in decays])
    wide = np.float64(decays)[:, None]
    with np.errstate(divide="ignore"):
        expected = -np.expm1(COUNTS * np.log(wide))
    np.testing.assert_allclose(got, expected, rtol=2e-6)


def last(values, decay):
    """The corrected average after all `values`, [T]."""

    def step(average, item):
        count, value = item
        return corrected_ema(value, average, decay, count), None

    counts = jnp.arange(1, len(values) + 1)
    return jax.lax.scan(step, jnp.zeros(()), (counts, values))[0]


@pytest.mark.parametrize("share", [1e-3, 1e-5, 1e-7, 1e-8, 0.0])
def test_long_averages_are_those_of_float64_and_the_mean_at_a_decay_of_one(share):
    values = np.random.default_rng(0).exponential(size=100_000).astype(np.float32)
    decay = np.float32(1 - share)
    log = np.log(np.float64(decay)) * np.arange(len(values))[::-1]
    expected = np.average(np.float64(values), weights=np.exp(log))
    got = jax.jit(last)(jnp.asarray(values), jnp.asarray(decay))
    np.testing.assert_allclose(got, expected, rtol=1e-3)
    static = jax.jit(lambda v: last(v, 1 - share))(jnp.asarray(values))
    np.testing.assert_allclose(static, expected, rtol=2e-3)


@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_derivatives_by_the_decay_are_finite(decay):
    slope = jax.grad(lambda d: last(jnp.array([1.0, 3.0, -2.0]), d))(decay)
    assert np.isfinite(slope)
    if decay == 0.5:  # (x₁β² + x₂β + x₃) / (1 + β + β²), by the quotient rule
        np.testing.assert_allclose(slope, (4 * 1.75 - (-0.25) * 2) / 1.75**2, rtol=1e-5)


def test_a_spike_leaves_nothing_at_a_decay_of_zero():
    average = ema(jnp.float32(1e-3), jnp.float32(1e9), 0.0)
    assert average == np.float32(1e-3)
