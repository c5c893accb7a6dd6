"""Skip-thought against a loop in NumPy."""

import jax
import numpy as np
import pytest

from jaxdl.models import SkipThought

KEY = jax.random.key(0)
MODEL = SkipThought(vocabulary=7, features=3, width=2)
IDS = np.array([[4, 5, 6], [5, 0, 0]])
PREVIOUS = np.array([[2, 6, 4, 0], [2, 4, 5, 6]])
FOLLOWING = np.array([[2, 5, 0, 0], [0, 0, 0, 0]])


@pytest.fixture(scope="module")
def params():
    shapes = jax.eval_shape(MODEL.init, KEY, IDS, PREVIOUS, FOLLOWING)["params"]
    normal = np.random.default_rng(0).normal
    return jax.tree.map(lambda leaf: normal(size=leaf.shape).astype(np.float32), shapes)


@pytest.fixture(scope="module")
def tell():
    apply = jax.jit(lambda params, *words: MODEL.apply({"params": params}, *words))
    return lambda *arguments: jax.device_get(apply(*arguments))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(layer, inputs):
    """h after each step."""
    h, states = np.zeros(2), []
    for x in inputs:
        a = x @ layer["kernel"] + layer["bias"]
        u = h @ layer["recurrent_kernel"]
        r, z = sigmoid(a[:2] + u[:2]), sigmoid(a[2:4] + u[2:4])
        n = np.tanh(a[4:] + r * (u[4:] + layer["inner_bias"][0]))
        h = (1 - z) * n + z * h
        states.append(h)
    return np.array(states)


def test_it_is_the_plain_loop(params, tell):
    logits = tell(params, IDS, PREVIOUS, FOLLOWING)
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    table = p["encoder"]["embedding"]["embedding"]
    for row, length in enumerate((3, 1)):
        vector = gru(p["encoder"]["body"], table[IDS[row, :length]])[-1]
        for name, words, found in zip(
            ("before", "after"), (PREVIOUS, FOLLOWING), logits, strict=True
        ):
            said = [word for word in words[row].tolist() if word]
            inputs = [np.concatenate([table[word], vector]) for word in said]
            for step, h in enumerate(gru(p[name], inputs)):
                expected = h @ p["logits"]["kernel"] + p["logits"]["bias"]
                np.testing.assert_allclose(found[row, step], expected, rtol=1e-4, atol=1e-5)


def test_vectors_are_the_encoders_whatever_the_padding(params):
    encode = jax.jit(lambda ids: MODEL.apply({"params": params}, ids, method="encode"))
    wider = np.pad(IDS, ((0, 0), (0, 2)))
    np.testing.assert_allclose(encode(IDS), encode(wider), rtol=1e-6, atol=1e-7)


def test_no_word_is_told_from_itself_or_later_ones(params, tell):
    """A changed word changes the logits behind it, of its own decoder, and no others."""
    there = tell(params, IDS, PREVIOUS, FOLLOWING)
    changed = PREVIOUS + np.array([[0, 0, 0, 0], [0, 0, 1, 0]])
    other = tell(params, IDS, changed, FOLLOWING)
    np.testing.assert_array_equal(there[0][:, :2], other[0][:, :2])
    np.testing.assert_array_equal(there[1], other[1])
    assert np.abs(there[0] - other[0])[1, 2:].max() > 0.01
