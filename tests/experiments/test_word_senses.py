"""The occurrences of pseudo-words, and the words that become one."""

import numpy as np
import pytest

from experiments import word_senses
from experiments.word_senses import HALF, LENGTH, SHARES
from jaxdl import launch
from jaxdl.data.text.vocabulary import SPECIAL, Vocabulary


def test_windows_are_pieces_of_the_text_around_each_word_of_each_pair():
    ids = np.random.default_rng(0).integers(0, 10, 2000)
    pairs = np.array([[3, 7], [5, 8], [6, 9]])
    found = word_senses.occurrences(ids, pairs, 20)
    assert found.shape == (20, 2, 3, LENGTH)
    assert (found[..., HALF] == pairs.T).all()
    pieces = {tuple(piece) for piece in np.lib.stride_tricks.sliding_window_view(ids, LENGTH)}
    windows = [tuple(window) for window in found.reshape(-1, LENGTH)]
    assert set(windows) <= pieces
    assert len(set(windows)) == len(windows)


def test_pairs_are_neighbours_by_frequency_among_words_that_are_often_everywhere():
    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)]
    known = Vocabulary((*SPECIAL, *words, "rare", "no"))
    everywhere = np.repeat(np.arange(4, 204), 45)
    lines = {name: [everywhere, np.full(50, 205)] for name in SHARES}
    pairs = word_senses.paired(word_senses.Config(pairs=50), lines, known)
    assert pairs.min() >= word_senses.COMMON
    assert pairs.max() < 204
    np.testing.assert_array_equal(pairs.ravel(), np.unique(pairs))
    with pytest.raises(launch.UserError, match=r"config\.pairs: 60 pairs need 120 words .* 104"):
        word_senses.paired(word_senses.Config(pairs=60), lines, known)
