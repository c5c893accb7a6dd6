"""Word vectors against gensim (`make parity`)."""

import numpy as np
import pytest

from jaxdl.word_vectors import ngrams

fasttext_inner = pytest.importorskip("gensim.models.fasttext_inner")
WORDS = ["a", "cat", "where", "naïve", "straße", "日本語", "incomprehensibilities", "x-y_z"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("shortest", "longest"), [(3, 6), (1, 4), (2, 2)])
def test_ngrams_are_those_of_gensim(word, shortest, longest):
    theirs = fasttext_inner.compute_ngrams_bytes(word, shortest, longest)
    assert [ngram.encode() for ngram in ngrams.ngrams(word, shortest, longest)] == theirs


@pytest.mark.parametrize("word", WORDS)
def test_hashes_are_those_of_gensim(word):
    from gensim.models.fasttext import ft_ngram_hashes

    ids, mask = ngrams.ngram_ids([word], 1000)
    assert ids[mask > 0].tolist() == ft_ngram_hashes(word, 3, 6, 1000)


def test_huffman_codes_have_the_lengths_of_gensims():
    from gensim.models import Word2Vec

    from jaxdl.word_vectors import huffman

    counts = np.sort(np.random.default_rng(0).integers(1, 1000, 60))[::-1]
    model = Word2Vec(vector_size=2, hs=1, negative=0, min_count=1)
    model.build_vocab_from_freq({str(number): int(count) for number, count in enumerate(counts)})
    theirs = [len(model.wv.get_vecattr(str(number), "code")) for number in range(60)]
    ours = (huffman.tree(counts).signs != 0).sum(axis=1)
    assert counts @ ours == counts @ np.array(theirs)


def test_subsampling_is_that_of_gensim():
    from gensim.models import Word2Vec

    from jaxdl.word_vectors import windows

    counts = np.array([5000, 800, 90, 7])
    model = Word2Vec(vector_size=2, min_count=1, sample=1e-2)
    model.build_vocab_from_freq({str(number): int(count) for number, count in enumerate(counts)})
    theirs = [model.wv.get_vecattr(str(number), "sample_int") / 2**32 for number in range(4)]
    np.testing.assert_allclose(windows.keep_probabilities(counts, 1e-2), theirs, rtol=1e-5)
