import jax
import numpy as np
import pytest

from jaxdl.data.errors import DataError
from jaxdl.word_vectors import windows

KEY = jax.random.key(0)
SENTENCES = [np.array([3, 1, 2, 3]), np.array([], np.int64), np.array([0, 1, 0])]
CORPUS = jax.device_get(windows.corpus(SENTENCES, 4))


def test_a_corpus_is_its_sentences_one_after_another():
    assert CORPUS.words.tolist() == [3, 1, 2, 3, 0, 1, 0]
    assert CORPUS.sentences.tolist() == [0, 0, 0, 0, 2, 2, 2]


def test_a_corpus_that_cannot_be_is_refused():
    with pytest.raises(DataError, match="sentence 0, position 0: id 3"):
        windows.corpus(SENTENCES, 3)
    with pytest.raises(DataError, match="no words"):
        windows.corpus([[]], 3)


def test_keep_probabilities_by_hand():
    """Shares 0.25, 0.01 and 0.74 at t = 0.01: √0.04 + 0.04, a rare word, √(1/74) + 1/74."""
    found = windows.keep_probabilities(np.array([25, 1, 74, 0]), 0.01)
    np.testing.assert_allclose(found, [0.24, 1, 74**-0.5 + 1 / 74, 1], rtol=1e-6)


def test_noise_probabilities_by_hand():
    found = windows.noise_probabilities(np.array([16, 0, 81]))
    np.testing.assert_allclose(found, [8 / 35, 0, 27 / 35], rtol=1e-6)
    even = windows.noise_probabilities(np.array([16, 0, 81]), power=0)
    np.testing.assert_allclose(even, [0.5, 0, 0.5])
    with pytest.raises(DataError, match="none does"):
        windows.noise_probabilities(np.zeros(3))


def test_subsampling_keeps_order_sentences_and_shares():
    words = np.tile(np.array([0, 1, 2], np.int32), 4000)
    whole = windows.Corpus(words, np.arange(12000, dtype=np.int32) // 30)
    keep = np.array([1.0, 0.25, 0.0], np.float32)
    size = windows.kept_at_most(words, keep)
    assert size == int(np.ceil(5000 + 6 * np.sqrt(4000 * 0.25 * 0.75)))
    found = jax.jit(windows.subsample, static_argnums=3)(KEY, whole, keep, size)
    real = np.asarray(found.sentences) >= 0
    kept = np.asarray(found.words)[real]
    assert not real[real.sum() :].any()
    assert (kept == 0).sum() == 4000
    assert abs((kept == 1).sum() - 1000) < 5 * np.sqrt(4000 * 0.25 * 0.75)
    assert (np.diff(np.asarray(found.sentences)[real]) >= 0).all()
    zeros = np.asarray(found.sentences)[real][kept == 0]
    np.testing.assert_array_equal(zeros, np.arange(4000) // 10)


def test_words_beyond_the_size_are_cut():
    found = jax.jit(windows.subsample, static_argnums=3)(KEY, CORPUS, np.ones(4, np.float32), 2)
    assert found.words.tolist() == [3, 1]
    assert windows.kept_at_most(CORPUS.words, np.ones(4)) == 7


def pairs(corpus, radii, window):
    """(centre's place, neighbour's place), by two loops."""
    return {
        (t, s)
        for t, sentence in enumerate(corpus.sentences)
        for s in range(max(0, t - window), min(len(corpus.words), t + window + 1))
        if s != t and abs(s - t) <= radii[t] and corpus.sentences[s] == sentence
    }


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_blocks_have_every_pair_once(length):
    window = 3
    starts = np.arange(0, len(CORPUS.words), length)

    @jax.jit
    def run(key):
        laid = windows.padded(CORPUS, window, length * len(starts))
        assert laid.words.shape == (length * len(starts) + 2 * window,)
        blocks = windows.blocks(key, laid, starts, length, window)
        return blocks, windows.radii(key, (len(starts), length), window).reshape(-1)

    blocks, radii = jax.device_get(run(KEY))
    found = [(length * m + t, length * m + s - window) for m, t, s in np.argwhere(blocks.near)]
    assert len(set(found)) == len(found)
    assert set(found) == pairs(CORPUS, radii, window)
    centres = blocks.centres.reshape(-1)[: len(CORPUS.words)]
    assert centres.tolist() == CORPUS.words.tolist()


def test_radii_are_uniform():
    drawn = jax.jit(lambda key: windows.radii(key, (20_000,), 5))(KEY)
    found = np.bincount(drawn, minlength=7) / 20_000
    np.testing.assert_allclose(found, [0, *[0.2] * 5, 0], atol=5 * np.sqrt(0.16 / 20_000))


def test_a_neighbour_further_away_is_rarer():
    """P(|i − j| ≤ radius) = 1 − (d − 1)/window."""
    window, length, centres = 4, 100, 4000
    laid = windows.Corpus(*(np.zeros(centres + 2 * window, np.int32) for _ in range(2)))
    cut = jax.jit(windows.blocks, static_argnums=(3, 4))
    near = np.asarray(cut(KEY, laid, np.arange(0, centres, length), length, window).near)
    shares = [np.diagonal(near, window + d, 1, 2).mean() for d in range(-window, window + 1)]
    expected = [0.25, 0.5, 0.75, 1, 0, 1, 0.75, 0.5, 0.25]
    np.testing.assert_allclose(shares, expected, atol=5 * np.sqrt(0.25 / centres))
