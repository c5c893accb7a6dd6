"""Positions against their formulas, and the laws that make them relative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.positions import (
    ALiBi,
    Learned,
    NoPositions,
    Rotary,
    Sinusoidal,
    places_in,
    rotated,
)

X = np.random.default_rng(0).normal(size=(2, 5, 6)).astype(np.float32)


def test_sinusoids_are_the_papers():
    waves = np.asarray(Sinusoidal().apply({}, np.zeros((1, 7, 6), np.float32)))[0]
    for t in range(7):
        for i in range(3):
            angle = t / 10_000 ** (2 * i / 6)
            np.testing.assert_allclose(waves[t, 2 * i], np.sin(angle), atol=1e-6)
            np.testing.assert_allclose(waves[t, 2 * i + 1], np.cos(angle), atol=1e-6)
    at = np.array([[4, 0]])
    found = np.asarray(Sinusoidal().apply({}, np.zeros((1, 2, 6), np.float32), at))
    np.testing.assert_allclose(found[0], waves[at[0]], atol=1e-6)


def test_learned_places_are_rows_and_past_the_table_is_told():
    module = Learned(5)
    variables = jax.device_get(jax.jit(module.init)(jax.random.key(0), X))
    table = variables["params"]["embedding"]
    apply = jax.jit(module.apply)
    np.testing.assert_array_equal(apply(variables, X), X + table[None])
    at = np.array([[0, 4, 2, 0, 5], [0] * 5])
    found = np.asarray(apply(variables, X, at))
    np.testing.assert_array_equal(found[0, 1], X[0, 1] + table[4])
    assert np.isnan(found[0, 4]).all()
    assert np.isfinite(found[1]).all()
    with pytest.raises(ValueError, match="6 tokens is longer than the 5 learned positions"):
        jax.eval_shape(module.apply, variables, jnp.zeros((1, 6, 6)))


def test_rotated_scores_know_the_distance_alone():
    q, k = np.split(X[:, :2, None, :4], 2, axis=1)
    rotate = jax.jit(lambda x, place: rotated(x, Rotary().angles(1, 4, jnp.full((2, 1), place))))

    def score(t, s):
        return (np.asarray(rotate(q, t)) * np.asarray(rotate(k, s))).sum(-1)

    np.testing.assert_allclose(score(3, 1), score(9, 7), rtol=1e-4)
    assert not np.allclose(score(3, 1), score(4, 1), rtol=1e-2)
    # By hand: place 2, pair (0, 2) turned by 2, pair (1, 3) by 2/100.
    turned = np.asarray(rotate(q, 2))[0, 0, 0]
    a = q[0, 0, 0]
    np.testing.assert_allclose(turned[0], a[0] * np.cos(2) - a[2] * np.sin(2), rtol=1e-5)
    np.testing.assert_allclose(turned[3], a[3] * np.cos(0.02) + a[1] * np.sin(0.02), rtol=1e-5)
    with pytest.raises(ValueError, match="an even width, not 3"):
        Rotary().angles(4, 3)


def test_slopes_are_the_papers():
    np.testing.assert_allclose(ALiBi().slopes(8), 2.0 ** -np.arange(1, 9))
    # 6 heads: those of 4, and every second of 8.
    np.testing.assert_allclose(
        ALiBi().slopes(6), [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3], rtol=1e-6
    )


def test_no_positions_do_nothing():
    none = NoPositions()
    np.testing.assert_array_equal(none.apply({}, X), X)
    assert none.angles(5, 4) is None
    assert none.slopes(2) is None


def test_places_start_anew_in_each_segment():
    segments = jnp.array([[1, 1, 1, 2, 2, 0], [3, 1, 1, 1, 1, 2]])
    np.testing.assert_array_equal(places_in(segments), [[0, 1, 2, 0, 1, 0], [0, 0, 1, 2, 3, 0]])
