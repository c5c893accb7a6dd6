"""Times are read back from a ramp: the signal of a linear function shows what moved it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import augmentation
from jaxdl.data import augmentation_of_signals as aug

KEYS = jax.random.split(jax.random.key(0), 400)
SIGNAL = np.random.default_rng(1).uniform(size=(12, 2)).astype(np.float32)
RAMP = np.arange(41, dtype=np.float32)[:, None] - 20
EVERY = {each.__name__: each for each in (aug.shift, aug.stretch, aug.gain, aug.mask)}


@functools.cache
def many(name):
    one = EVERY[name]
    return jax.jit(lambda signal, strength: jax.vmap(lambda key: one(signal, key, strength))(KEYS))


def lines(name, strength):
    """Slope and height in the middle, `[400]`, of what became of the ramp."""
    moved = np.asarray(many(name)(RAMP, jnp.float32(strength)), np.float64)[:, 17:24, 0]
    x = RAMP[17:24, 0].astype(np.float64)
    slope = moved @ x / (x @ x)
    height = moved.mean(axis=1)
    np.testing.assert_allclose(moved, height[:, None] + slope[:, None] * x, atol=1e-4)
    return slope, height


@pytest.mark.parametrize("name", EVERY)
def test_strength_zero_is_the_identity_bit_for_bit(name):
    out = np.asarray(many(name)(SIGNAL, jnp.float32(0)))
    np.testing.assert_array_equal(out, np.broadcast_to(SIGNAL, out.shape))


def test_shifts_are_uniform_within_the_strength():
    slope, height = lines("shift", 3.0)
    np.testing.assert_allclose(slope, 1, atol=1e-5)
    assert np.abs(height).max() <= 3 + 1e-5
    np.testing.assert_allclose(height.std(), 3 / np.sqrt(3), rtol=0.1)
    assert abs(height.mean()) < 0.3


@pytest.mark.parametrize("name", ["stretch", "gain"])
def test_factors_are_as_likely_as_their_inverse(name):
    slope, height = lines(name, 0.5)
    np.testing.assert_allclose(height, 0, atol=1e-4)
    assert np.abs(np.log(slope)).max() <= np.log(1.5) + 1e-5
    np.testing.assert_allclose(np.log(slope).std(), np.log(1.5) / np.sqrt(3), rtol=0.1)


def test_a_mask_hides_as_many_steps_as_it_says():
    ones = np.ones((12, 2), np.float32)
    hidden = np.asarray(many("mask")(ones, jnp.float32(4))) == 0
    assert (hidden[..., 0] == hidden[..., 1]).all()
    counts = hidden[..., 0].sum(axis=1)
    assert counts.max() == 4
    assert counts.min() == 2
    assert (np.abs(np.diff(hidden[..., 0].astype(int), axis=1)).sum(axis=1) <= 2).all()


def test_what_comes_from_outside_is_zero():
    ones = np.ones((12, 2), np.float32)
    moved = np.asarray(many("shift")(ones, jnp.float32(20)))
    far = np.abs(moved).sum(axis=(1, 2)) == 0
    assert far.any()
    assert moved.max() <= 1 + 1e-6


def test_a_batch_is_augmented_with_a_key_for_each_signal():
    batch = {"x": jnp.broadcast_to(jnp.asarray(SIGNAL), (3, *SIGNAL.shape)), "y": jnp.arange(3)}

    @jax.jit
    def run(batch, key):
        functions = [
            functools.partial(aug.gain, amount=0.5),
            functools.partial(augmentation.noise, deviation=0.1),
        ]
        return augmentation.augment(batch, key, functions)

    found = np.asarray(run(batch, jax.random.key(1))["x"])
    assert found.shape == (3, 12, 2)
    assert not np.allclose(found[0], found[1])
