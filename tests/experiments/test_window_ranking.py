"""What the ranking of windows is compared with."""

import numpy as np

from experiments import window_ranking
from jaxdl.word_vectors.indexing import Indexed


def test_windows_told_by_frequency_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 6, 9)  # some are as frequent as others
    x = rng.integers(0, 9, (3, 4, 5)).astype(np.int32)
    mask = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]], np.float32)
    middles = x[mask > 0][:, 2]
    pairs = [
        np.sign(counts[word] - counts[other]) / 2 + 0.5
        for word in middles
        for other in range(9)
        if other != word
    ]
    read = Indexed([str(n) for n in range(9)], counts, [])
    found = window_ranking.told_by_frequency({"x": x, "mask": mask}, read)
    np.testing.assert_allclose(found, np.mean(pairs))
