import numpy as np
import pytest

from experiments import word_windows
from jaxdl import launch
from jaxdl.types import TrainState


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


def test_words_without_inflected_forms_are_one_clear_line(monkeypatch):
    monkeypatch.setattr(word_windows, "FREQUENT", 3)
    with pytest.raises(launch.UserError, match=r"config\.documents: too few for two inflected"):
        word_windows.load(word_windows.Config(documents=50))


def test_an_offset_answers_what_the_nearest_word_does_not(monkeypatch):
    # array, arrays, shape, shapes, and another word that is nearest to shape.
    vectors = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 0.1]], np.float32)
    data = {
        "analogies": np.array([[0, 1, 2, 3], [2, 3, 0, 1]], np.int32),
        "has_ending": np.array([0, 1, 0, 1, 0], np.float32),
        "syntactic": np.zeros((5, 5)),
        "topical": np.zeros((5, 5)),
    }
    state = TrainState(0, None, {"input": vectors}, {}, ())
    monkeypatch.setattr(word_windows, "NEIGHBOURS", 1)
    found = word_windows.evaluate(state, data)
    assert float(found["test_analogies"]) == 1
    # By itself array has arrays for its nearest, shape the last word.
    assert float(found["test_nearest"]) == 0.5
