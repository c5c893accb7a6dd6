import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.compiling import traced_once

from jaxdl.data.text import vocabulary
from jaxdl.models import bag_of_words
from jaxdl.models.bag_of_words import NO_WORD, BagOfWords

KEY = jax.random.key(0)
IDS = np.array([[4, 5, 4], [6, NO_WORD, NO_WORD], [NO_WORD] * 3], np.int32)
NORMAL = jax.nn.initializers.normal(1.0)


@pytest.fixture(scope="module")
def variables():
    return jax.jit(BagOfWords(8, 2, kernel_init=NORMAL).init)(KEY, IDS)


def test_logits_are_the_product_of_the_bag_and_the_table(variables):
    """The bag as `vocabulary` counts it, over the root of the number of words."""
    table = np.asarray(variables["params"]["words"]["embedding"])
    bag = vocabulary.bag_of_words(np.maximum(IDS, vocabulary.PAD), 8)
    expected = bag @ table / np.sqrt(np.maximum(bag.sum(axis=1, keepdims=True), 1))
    found = jax.jit(BagOfWords(8, 2).apply)(variables, IDS)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_padding_and_order_change_nothing(variables):
    apply = jax.jit(BagOfWords(8, 2).apply)
    longer = np.pad(IDS[:, ::-1], ((0, 0), (2, 3)), constant_values=NO_WORD)
    found, expected = apply(variables, longer), apply(variables, IDS)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_buckets_are_those_of_whole_numbers_by_hand():
    numbers = [0, 1, 12345, bag_of_words.HASHES - 1]
    expected = [(2654435769 * number) % 2**32 >> 28 for number in numbers]
    found = bag_of_words.buckets(jnp.array([*numbers, NO_WORD]), np.uint32(2654435769), 4)
    assert found.tolist() == [*expected, NO_WORD]


def test_numbers_of_tokens_are_stable_and_cut():
    """The hash of the vocabulary, by place."""
    found = bag_of_words.hashes(["array", "the", "array"], 4)
    assert found.tolist()[3] == NO_WORD
    assert found[0] == found[2] == vocabulary.hashed("array", 2**31 - 1)
    assert bag_of_words.hashes(["array", "the"], 1).tolist() == [found[0]]


def test_collisions_are_as_many_as_expected_by_every_salt():
    """V = 1000 words in m = 1024 buckets: V − m(1 − (1 − 1/m)^V) = 362, standard deviation 11."""
    words = bag_of_words.hashes([f"word{i}" for i in range(1000)], 1000)
    salts = np.random.default_rng(0).integers(2**30, size=20) * 2 + 1
    taken = [len(np.unique(bag_of_words.buckets(words, salt, 10))) for salt in salts]
    assert np.mean(1000 - np.array(taken)) == pytest.approx(362, abs=12)
    assert len(set(taken)) > 5


def test_a_text_is_learned_through_few_buckets_with_traced_numbers():
    words = np.stack([bag_of_words.hashes(text.split(), 3) for text in ("a b c", "d e")])

    @traced_once
    def logits(salt, bits):
        model = BagOfWords(16, 2, lambda x: bag_of_words.buckets(x, salt, bits), NORMAL)
        variables = model.init(KEY, words)
        table = variables["params"]["words"]["embedding"]
        return model.apply(variables, words), table

    for bits in (1, 4):
        found, table = jax.device_get(logits(np.int32(7919), np.int32(bits)))
        rows = np.asarray(bag_of_words.buckets(words, 7919, bits))
        assert rows.max() < 2**bits
        expected = [table[rows[0]].sum(axis=0) / 3**0.5, table[rows[1][:2]].sum(axis=0) / 2**0.5]
        np.testing.assert_allclose(found, np.stack(expected), rtol=1e-5, atol=1e-6)
