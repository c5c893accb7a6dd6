import numpy as np
import pytest

from experiments import word_windows
from jaxdl import launch


@pytest.fixture
def finished(tmp_path):
    """Vectors by hand: the nearest of the first word is the second by one window, else the last."""
    words = ["array", "matrix", "the"]
    small = np.array([[1, 0], [1, 0.1], [0, 1]], np.float32)
    tables = {"window 2": small, "window 10": small[[0, 2, 1]]}
    launch.save_best(
        tmp_path, tables, task="word2vec", model="word_windows", words=words,
    )  # fmt: skip
    return tmp_path


def test_the_nearest_words_are_printed_by_window(finished):
    said = word_windows.nearest(finished, "array").splitlines()
    assert sorted(said) == ["window 10: the, matrix", "window 2: matrix, the"]


def test_an_unknown_word_is_one_clear_line(finished):
    with pytest.raises(ValueError, match="'zebra' is none of the 3 words"):
        word_windows.nearest(finished, "zebra")
