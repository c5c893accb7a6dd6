"""Encoder and decoder: causality, padding, and decoding with a cache as without one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import decoding
from jaxdl.models import Transformer

V, T = 11, 5
RNG = np.random.default_rng(1)
X = RNG.integers(0, 7, (2, 4), np.int32)
MASK = np.array([[1] * 4, [1, 1, 0, 0]])
Y = RNG.integers(0, V, (2, T), np.int32)
MODEL = Transformer(V, 8, 2, 2, T, hidden=8, x_vocabulary=7, x_depth=1)


@functools.cache
def params():
    return jax.jit(MODEL.init)(jax.random.key(0), X, MASK, Y)


def test_a_stack_of_each_side():
    assert len(params()["params"]["encoder"]) == 1
    assert len(params()["params"]["decoder"]) == 2
    shared = Transformer(V, 8, 1, 2, T)
    found = jax.eval_shape(shared.init, jax.random.key(0), X, None, Y)["params"]
    assert set(found) == {"words", "encoder", "decoder"}


def test_steps_are_the_whole_and_nothing_depends_on_what_is_masked_or_later():
    @jax.jit
    def both(x, y):
        whole, _ = MODEL.apply(params(), x, MASK, y)
        carry = MODEL.apply(params(), x, MASK, method=MODEL.begin)
        step = functools.partial(MODEL.apply, params(), method=MODEL.step)
        return whole, jnp.moveaxis(jax.lax.scan(step, carry, y.T)[1], 0, 1)

    whole, steps = jax.device_get(both(X, Y))
    np.testing.assert_allclose(steps, whole, atol=1e-5)
    masked, later, changed = X.copy(), Y.copy(), X.copy()
    masked[1, 2:], later[:, 3:], changed[:, 1] = 6, 0, (X[:, 1] + 1) % 7
    others, _ = jax.device_get(both(masked, later))
    np.testing.assert_array_equal(others[:, :3], whole[:, :3])
    assert not np.allclose(others[:, 3:], whole[:, 3:], atol=1e-2)
    seen, _ = both(changed, Y)
    assert (np.abs(seen - whole).max((1, 2)) > 1e-3).all()


def test_decoding_is_that_of_the_whole_sequence():
    @jax.jit
    def both():
        carry = MODEL.apply(params(), X, MASK, method=MODEL.begin)
        step = functools.partial(MODEL.apply, params(), method=MODEL.step)
        start = jnp.array([1, 1])
        found = decoding.greedy(step, carry, start, T)
        given = jnp.concatenate([start[:, None], found[:, :-1]], axis=1)
        return found, MODEL.apply(params(), X, MASK, given)[0].argmax(-1)

    np.testing.assert_array_equal(*both())
