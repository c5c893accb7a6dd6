from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.cells import ELMAN
from jaxdl.layers.recurrent import RNN, Bidirectional
from jaxdl.models import CharacterFeatures, Tagger

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
LETTERS = CharacterFeatures(9, 5, width=3)
MODEL = Tagger(7, 4, Bidirectional(RNN(3, ELMAN), RNN(3, ELMAN, reverse=True)), 5, LETTERS)
LENGTHS = np.array([[4], [2]])
REAL = np.arange(4) < LENGTHS
WORDS = np.where(REAL, RNG.integers(1, 7, (2, 4)), 0)
SPELLED = np.where(
    REAL[..., None] & (np.arange(6) < RNG.integers(1, 7, (2, 4, 1))),
    RNG.integers(1, 9, (2, 4, 6)),
    0,
)


@pytest.fixture(scope="module")
def tagged():
    variables = jax.jit(partial(MODEL.init, train=False))(KEY, WORDS, SPELLED)
    compiled = jax.jit(lambda words, spelled: MODEL.apply(variables, words, spelled, train=False))

    def apply(*arguments):
        return np.asarray(compiled(*arguments))

    return apply, apply(WORDS, SPELLED)


def test_nothing_depends_on_padding(tagged):
    apply, logits = tagged
    strange = np.where(REAL[..., None], SPELLED, RNG.integers(0, 9, SPELLED.shape))
    np.testing.assert_array_equal(apply(WORDS, strange)[REAL], logits[REAL])
    longer = np.pad(WORDS, ((0, 0), (0, 3))), np.pad(SPELLED, ((0, 0), (0, 3), (0, 2)))
    np.testing.assert_allclose(apply(*longer)[:, :4][REAL], logits[REAL], atol=1e-6)


def test_the_last_word_is_seen_from_the_first(tagged):
    apply, logits = tagged
    other = WORDS.copy()
    other[0, 3] = WORDS[0, 3] % 6 + 1
    changed = np.abs(apply(other, SPELLED) - logits).max(axis=-1)
    assert (changed[0] > 1e-5).all()
    assert not changed[1].any()


def test_a_forward_body_sees_no_later_word():
    model = Tagger(7, 4, RNN(3, ELMAN), 5)
    variables = jax.jit(partial(model.init, train=False))(KEY, WORDS, SPELLED)

    def first_three(table):
        params = variables["params"] | {"embedding": {"embedding": table}}
        logits = model.apply({"params": params}, np.array([[1, 2, 3, 4]]), SPELLED, train=False)
        return jnp.sum(logits[:, :3] ** 2)

    gradient = jax.jit(jax.grad(first_three))(variables["params"]["embedding"]["embedding"])
    np.testing.assert_array_equal(np.abs(gradient).sum(axis=1) > 0, [0, 1, 1, 1, 0, 0, 0])


def test_features_of_characters_by_hand():
    """The largest response to three letters in a row, zeros standing around the word."""
    ids = SPELLED.reshape(-1, 6)
    params = jax.device_get(jax.jit(LETTERS.init)(KEY, ids))["params"]
    params["conv"]["bias"] = np.linspace(-0.5, 0.5, 5, dtype=np.float32)
    found = np.asarray(jax.jit(LETTERS.apply)({"params": params}, ids))
    for row, features in zip(ids, found, strict=True):
        word = params["embedding"]["embedding"][row[row != 0]]
        around = np.pad(word, ((1, 1), (0, 0)))
        windows = np.array([around[place : place + 3].ravel() for place in range(len(word))])
        expected = np.zeros(5)
        if len(word):
            expected = (windows @ params["conv"]["kernel"].reshape(9, 5)).max(axis=0)
            expected = np.maximum(expected + params["conv"]["bias"], 0)
        np.testing.assert_allclose(features, expected, atol=1e-5)
