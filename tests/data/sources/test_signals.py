"""Series against closed forms."""

import numpy as np

from jaxdl.data.sources import signals


def test_mackey_glass_is_a_known_exponential_until_the_delay_is_over():
    found = signals.mackey_glass(18, every=1.0, skipped=0)
    # Up to t = τ the late value is the constant at the beginning: a linear equation.
    level = 0.2 * 1.2 / (1 + 1.2**10) / 0.1
    expected = level + (1.2 - level) * np.exp(-0.1 * np.arange(18))
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_mackey_glass_rests_at_one_and_is_chaos_elsewhere():
    np.testing.assert_allclose(signals.mackey_glass(20, start=1.0), 1, rtol=1e-12)
    one, two = (signals.mackey_glass(600, start=start) for start in (1.2, 1.2 + 1e-6))
    assert 0.2 < one.min() < 0.6 < 1.2 < one.max() < 1.5
    assert abs(one - two)[:20].max() < 1e-4 < 1e-2 < abs(one - two)[-200:].max()
    shorter = signals.mackey_glass(590, skipped=110)
    np.testing.assert_array_equal(shorter, signals.mackey_glass(600)[10:])


def test_seasons_repeat_after_a_cycle_but_for_noise():
    rng = np.random.default_rng(0)
    clean = signals.seasons(rng, 400, period=12, cycle=5, noise=0)
    np.testing.assert_allclose(clean[60:], clean[:-60], atol=1e-12)
    assert abs(clean[12:] - clean[:-12]).mean() > 0.1
    noise = signals.seasons(np.random.default_rng(1), 20000, noise=0.3)
    noise -= signals.seasons(rng, 20000, noise=0)
    assert abs(noise.std() - 0.3) < 0.01
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1] - 0.7) < 0.02


def test_the_steps_of_a_walk_are_independent():
    steps = np.diff(signals.random_walk(np.random.default_rng(0), 10000))
    assert abs(steps.mean()) < 0.03
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 0.03
