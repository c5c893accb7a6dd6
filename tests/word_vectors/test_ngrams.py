import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import similarity
from jaxdl.layers import embedding
from jaxdl.word_vectors import ngrams
from jaxdl.word_vectors.ngrams import UNSEEN, FastText

KEY = jax.random.key(0)
WORDS = ["where", "a", "her"]
BUCKETS = 50


def test_ngrams_by_hand():
    """The paper's example: where, n = 3."""
    assert ngrams.ngrams("where", 3, 3) == ["<wh", "whe", "her", "ere", "re>"]
    expected = ["<ca", "<cat", "<cat>", "cat", "cat>", "at>"]
    assert ngrams.ngrams("cat") == expected
    assert ngrams.ngrams("cat", 3, 9) == expected
    assert ngrams.ngrams("a", 1, 2) == ["<a", "a", "a>"]
    assert ngrams.ngrams("né") == ["<né", "<né>", "né>"]
    assert ngrams.ngrams("", 3, 6) == []


def test_the_trigram_her_is_not_the_word_her():
    assert "her" in ngrams.ngrams("where", 3, 3)
    assert "her" in ngrams.ngrams("her", 3, 3)
    assert "<her>" in ngrams.ngrams("her", 5, 5)
    assert "<her>" not in ngrams.ngrams("where", 5, 5)


def test_hashes_are_those_of_fnv():
    """http://www.isthe.com/chongo/tech/comp/fnv: the empty string, "a" and "foobar"."""
    assert ngrams.fnv1a("") == 0x811C9DC5
    assert ngrams.fnv1a("a") == 0xE40C292C
    assert ngrams.fnv1a("foobar") == 0xBF9CF968


def test_a_byte_above_127_is_signed():
    """Both bytes of é by hand: (basis ^ 0xFFFFFFC3)·prime, then ^ 0xFFFFFFA9."""
    prime, whole = 16777619, 2**32
    first = (0x811C9DC5 ^ 0xFFFFFFC3) * prime % whole
    assert ngrams.fnv1a("é") == (first ^ 0xFFFFFFA9) * prime % whole == 1023043777


@pytest.fixture(scope="module")
def variables():
    ids, mask = ngrams.ngram_ids(WORDS, BUCKETS)
    return jax.jit(FastText(3, BUCKETS, 8).init)(KEY, np.arange(3), ids, mask)


def vectors(variables, words, numbers, **settings):
    ids, mask = ngrams.ngram_ids(words, BUCKETS)
    model = FastText(3, BUCKETS, 8, **settings)
    return np.asarray(jax.jit(model.apply)(variables, np.asarray(numbers), ids, mask))


def rows(variables, word):
    table = np.asarray(variables["params"]["ngrams"]["embedding"])
    return table[[ngrams.fnv1a(ngram) % BUCKETS for ngram in ngrams.ngrams(word)]]


@pytest.mark.parametrize(
    ("settings", "reduce"), [({}, np.mean), ({"combine": embedding.total}, np.sum)]
)
def test_a_vector_is_that_of_the_word_and_its_ngrams(variables, settings, reduce):
    found = vectors(variables, WORDS, [0, 1, 2], **settings)
    own = np.asarray(variables["params"]["words"]["embedding"])
    for number, word in enumerate(WORDS):
        expected = reduce(np.vstack([own[number], rows(variables, word)]), axis=0)
        np.testing.assert_allclose(found[number], expected, rtol=1e-5, atol=1e-7)


def test_an_unseen_word_has_the_mean_of_its_ngrams(variables):
    found = vectors(variables, ["wherever", "where"], [UNSEEN, UNSEEN])
    for vector, word in zip(found, ("wherever", "where"), strict=True):
        np.testing.assert_allclose(vector, rows(variables, word).mean(axis=0), rtol=1e-5, atol=1e-7)
    assert not vectors(variables, [""], [UNSEEN]).any()


def test_words_that_share_ngrams_are_near():
    words = ["wherever", "somewhere", "mathematics"]
    ids, mask = ngrams.ngram_ids(["where", *words], 10_000)
    model = FastText(1, 10_000, 100)

    @jax.jit
    def cosines(key):
        found, _ = model.init_with_output(key, jnp.full(4, UNSEEN), ids, mask)
        return similarity.cosine(jnp.broadcast_to(found[:1], (3, 100)), found[1:])

    near = np.asarray(cosines(KEY))
    assert (near[:2] > 0.3).all()
    assert abs(near[2]) < 0.3


def test_an_unseen_word_moves_no_vector_of_a_word(variables):
    ids, mask = ngrams.ngram_ids(["there"], BUCKETS)
    model = FastText(3, BUCKETS, 8)
    total = lambda v: model.apply(v, jnp.array([UNSEEN]), ids, mask).sum()  # noqa: E731
    gradient = jax.jit(jax.grad(total))(variables)
    assert not np.asarray(gradient["params"]["words"]["embedding"]).any()
    moved = np.flatnonzero(np.asarray(gradient["params"]["ngrams"]["embedding"]).any(axis=1))
    assert set(moved) == {ngrams.fnv1a(ngram) % BUCKETS for ngram in ngrams.ngrams("there")}


def test_a_longer_list_of_another_word_changes_nothing(variables):
    alone = vectors(variables, ["a"], [1])
    together = vectors(variables, ["a", "incomprehensibilities"], [1, UNSEEN])
    np.testing.assert_allclose(together[:1], alone, rtol=1e-6)
