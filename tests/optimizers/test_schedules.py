"""Shapes against formulas worked in plain Python and against optax."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.optimizers import adam, schedules

T = 40
STEPS = np.arange(T + 10)


def drop(t, end):
    return end + (1 - end) * (1 + math.cos(math.pi * min(t / T, 1))) / 2


def cycle(t):
    if t < 12:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * t / 12)) / 2
    return 4e-6 + (1 - 4e-6) * (1 + math.cos(math.pi * min((t - 12) / 28, 1))) / 2


def triangle(t, steps=T, fraction=0.1, ratio=32):
    cut = math.floor(steps * fraction)
    p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / fraction - 1))
    return (1 + max(p, 0) * (ratio - 1)) / ratio


BY_HAND = {
    "constant": (schedules.constant(), lambda t: 1.0),
    "step_decay": (schedules.step_decay(7, 0.5), lambda t: 0.5 ** (t // 7)),
    "milestones": (schedules.milestones([5, 20], 0.1), lambda t: 0.1 ** ((t >= 5) + (t >= 20))),
    "exponential": (schedules.exponential(T, 0.01), lambda t: 0.01 ** (t / T)),
    "inverse_time": (schedules.inverse_time(0.25), lambda t: 1 / (1 + t / 4)),
    "cosine": (schedules.cosine(T), lambda t: drop(t, 0.0)),
    "cosine_floor": (schedules.cosine(T, floor=0.2), lambda t: drop(t, 0.2)),
    "linear_warmup": (schedules.linear_warmup(8), lambda t: min(1, t / 8)),
    "warmup_then": (
        schedules.warmup_then(10, schedules.cosine(T)),
        lambda t: t / 10 if t < 10 else drop(t - 10, 0.0),
    ),
    "one_cycle": (schedules.one_cycle(T), cycle),
    "slanted_triangular": (schedules.slanted_triangular(T), triangle),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_by_hand(case):
    shape, formula = BY_HAND[case]
    expected = [formula(int(t)) for t in STEPS]
    assert max(expected) == pytest.approx(1)
    steps = jnp.asarray(STEPS, jnp.int32)
    for got in jax.jit(lambda t: (shape(t), jax.vmap(shape)(t)))(steps):
        assert got.dtype == jnp.float32
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-7)
        assert np.all((got >= 0) & (got <= 1))
    with jax.enable_x64(True):
        precise = jax.jit(shape)(steps)
    np.testing.assert_allclose(precise, expected, rtol=1e-12, atol=1e-14)


OPTAX = {
    "exponential": (schedules.exponential(T, 0.3), optax.exponential_decay(1.0, T, 0.3)),
    "step_decay": (
        schedules.step_decay(7, 0.5),
        optax.exponential_decay(1.0, 7, 0.5, staircase=True),
    ),
    "milestones": (
        schedules.milestones([5, 20], 0.5),
        optax.piecewise_constant_schedule(1.0, {5: 0.5, 20: 0.5}),
    ),
    "cosine": (schedules.cosine(T, 0.1), optax.cosine_decay_schedule(1.0, T, 0.1)),
    "linear_warmup": (schedules.linear_warmup(8), optax.linear_schedule(0.0, 1.0, 8)),
    "warmup_then": (
        schedules.warmup_then(10, schedules.cosine(T)),
        optax.warmup_cosine_decay_schedule(0.0, 1.0, 10, T + 10),
    ),
    "one_cycle": (schedules.one_cycle(T), optax.cosine_onecycle_schedule(T, 1.0)),
}


@pytest.mark.parametrize("case", OPTAX)
def test_equals_optax(case):
    ours, theirs = OPTAX[case]
    got, expected = jax.jit(lambda t: (ours(t), jax.vmap(theirs)(t)))(STEPS)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_slanted_triangular_of_the_paper():
    """Figure 2 and its numbers: T = 1000, cut_frac = 0.1, ratio = 32, peak 0.01."""
    rate = schedules.scaled(0.01, schedules.slanted_triangular(1000))
    np.testing.assert_allclose(
        rate(np.array([0, 50, 100, 550, 1000])),
        [0.01 / 32, 0.01 * 16.5 / 32, 0.01, 0.01 * 16.5 / 32, 0.01 / 32],
        rtol=1e-5,
    )


def test_slanted_triangular_never_turns_negative():
    """With T = 105 the paper's formula ends at (1 − 31 · 4/90) / 32 < 0."""
    rates = jax.jit(schedules.slanted_triangular(105))(np.arange(105))
    assert rates.min() == pytest.approx(1 / 32)
    assert rates.max() == 1


@pytest.mark.parametrize("x64", [False, True])
def test_a_cut_is_floored_exactly(x64):
    for shape, peak in (
        (schedules.slanted_triangular(100, cut_fraction=0.29), 29),
        (schedules.one_cycle(100, warmup_fraction=0.29), 29),
        (schedules.slanted_triangular(5), 1),
    ):
        with jax.enable_x64(x64):
            assert np.argmax(jax.jit(shape)(np.arange(100))) == peak


def test_no_warmup_at_all():
    np.testing.assert_array_equal(schedules.linear_warmup(0)(np.arange(3)), 1)


def cycle_of(steps):
    return schedules.one_cycle(steps, start=0.2, end=0.1)


DEGENERATE = {
    "cosine": (schedules.cosine, 0, [0, 0, 0]),
    "cosine_floor": (lambda n: schedules.cosine(n, 0.2), 0, [0.2, 0.2, 0.2]),
    "linear_warmup": (schedules.linear_warmup, 0, [1, 1, 1]),
    "one_cycle_0": (cycle_of, 0, [0.1, 0.1, 0.1]),
    "one_cycle_1": (cycle_of, 1, [0.2, 0.1, 0.1]),
    "one_cycle_2": (cycle_of, 2, [0.2, 1, 0.1]),
    "warmup_then_nothing": (
        lambda n: schedules.warmup_then(2, schedules.cosine(n)),
        0,
        [0, 0.5, 0],
    ),
    "slanted_triangular_1": (schedules.slanted_triangular, 1, [1 / 32, 1, (1 + 31 * 8 / 9) / 32]),
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_a_shape_without_length_is_at_its_end(case):
    make, steps, expected = DEGENERATE[case]

    @jax.jit
    def run(traced, wide):
        slope = jax.grad(lambda n: make(n)(jnp.arange(3)).sum())(wide)
        return slope, [make(n)(np.arange(3)) for n in (steps, traced)]

    slope, found = run(steps, np.float32(steps))
    for got in found:
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
    assert np.isfinite(slope)


ENDLESS = {
    "exponential": lambda n: schedules.exponential(n, 0.1),
    "step_decay": schedules.step_decay,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_decay_without_length_is_refused_and_where_traced_never_rises(name):
    with pytest.raises(ValueError, match="is 0, needed is a number of steps > 0"):
        ENDLESS[name](0)
    got = jax.jit(lambda n: ENDLESS[name](n)(np.arange(3)))(0)
    np.testing.assert_array_equal(got, [1, 0, 0])


def test_lengths_and_fractions_that_are_none_are_refused():
    for make in (schedules.cosine, schedules.linear_warmup, cycle_of, schedules.slanted_triangular):
        with pytest.raises(ValueError, match="steps is -1, needed is a number of steps ≥ 0"):
            make(-1)
    for shape, name in (
        (schedules.one_cycle, "warmup_fraction"),
        (schedules.slanted_triangular, "cut_fraction"),
    ):
        for fraction in (0.0, 1.0, 30):
            with pytest.raises(ValueError, match=f"{name} is {fraction}, needed is a fraction"):
                shape(10, fraction)


LONG = 10**10
LONG_SHAPES = {
    "cosine": (schedules.cosine(LONG), 0.5),
    "exponential": (schedules.exponential(LONG, 0.01), 0.1),
    "step_decay": (schedules.step_decay(LONG // 2), 0.1),
    "milestones": (schedules.milestones([10, LONG // 2, LONG]), 0.01),
    "linear_warmup": (schedules.linear_warmup(LONG), 0.5),
    "warmup_then": (schedules.warmup_then(LONG // 4, schedules.cosine(LONG // 2)), 0.5),
    "one_cycle": (schedules.one_cycle(LONG, 0.5), 1),
    "slanted_triangular": (schedules.slanted_triangular(LONG, 0.5), 1),
}


@pytest.mark.parametrize("name", LONG_SHAPES)
def test_steps_beyond_int32_are_counted(name):
    shape, half = LONG_SHAPES[name]
    steps = (LONG // 2, np.array([LONG // 2]), np.uint64(LONG // 2))
    *found, last = jax.jit(lambda last: [*map(shape, steps), shape(last)])(np.int32(2**31 - 1))
    for step, got in zip(steps, found, strict=True):
        np.testing.assert_allclose(got, np.full(np.shape(step), half), rtol=1e-5)
    assert np.isfinite(last)


def test_whole_steps_are_counted_exactly_beyond_what_float32_holds():
    step = 2**24 + jnp.arange(3)
    got = schedules.step_decay(2**24 + 1, 0.5)(step)
    np.testing.assert_array_equal(got, [1, 0.5, 0.5])
    got = schedules.warmup_then(2**24 + 1, schedules.exponential(1, 0.5))(step)
    np.testing.assert_allclose(got, [1, 1, 0.5], rtol=1e-6)


def test_peaks_and_lengths_may_be_traced():
    def rate(peak, steps):
        warmed = schedules.warmup_then(steps, schedules.slanted_triangular(10 * steps))
        return schedules.scaled(peak, warmed)(jnp.int32(30))

    got = jax.jit(jax.vmap(rate))(jnp.array([2.0, 1.0]), jnp.array([10, 60]))
    np.testing.assert_allclose(got, [2.0 * triangle(20, 100), 0.5], rtol=1e-5)


def test_reduce_on_plateau_composes():
    plateau = optax.contrib.reduce_on_plateau(factor=0.5, patience=2)
    tx, plain = optax.chain(adam(0.1), plateau), adam(0.1)
    params = {"w": jnp.ones(2)}
    state, plain_state = tx.init(params), plain.init(params)
    ratios = []
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0):
        updates, state = tx.update(params, state, params, value=loss)
        expected, plain_state = plain.update(params, plain_state, params)
        ratios.append(float(updates["w"][0] / expected["w"][0]))
    np.testing.assert_allclose(ratios, [1, 1, 1, 0.5, 0.5], rtol=1e-6)
