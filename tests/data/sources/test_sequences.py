import collections

import numpy as np
import pytest
from scipy import stats

from jaxdl.data.sources import sequences

EVERY = {
    "copy_memory": lambda rng: sequences.copy_memory(rng, 20, delay=7, length=3),
    "adding": lambda rng: sequences.adding(rng, 20, 9),
    "a_n_b_n": lambda rng: sequences.a_n_b_n(rng, 20, 2, 5),
    "dyck": lambda rng: sequences.dyck(rng, 20, 1, 6),
    "sorting": lambda rng: sequences.sorting(rng, 20, 1, 6, 9),
}


@pytest.mark.parametrize("name", EVERY)
def test_the_generator_decides_and_masks_fit(name):
    first, again, other = (EVERY[name](np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert all((first[key] == again[key]).all() for key in first)
    assert any((first[key] != other[key]).any() for key in first)
    assert first["mask"].shape == first["y"].shape
    assert first["mask"].dtype == np.float32
    assert all(len(array) == 20 for array in first.values())
    assert first["x"].dtype == first["y"].dtype == (np.float32 if name == "adding" else np.int32)


def test_copy_memory_by_hand():
    task = sequences.copy_memory(np.random.default_rng(0), 500, delay=4, length=2, symbols=3)
    assert task["x"].shape == task["y"].shape == (500, 8)
    x, y = task["x"], task["y"]
    np.testing.assert_array_equal(x[:, 2:], [[0, 0, 0, 4, 0, 0]] * 500)
    np.testing.assert_array_equal(y[:, 6:], x[:, :2])
    assert not y[:, :6].any()
    np.testing.assert_array_equal(task["mask"], [[0, 0, 0, 0, 0, 0, 1, 1]] * 500)
    assert set(x[:, :2].ravel()) == {1, 2, 3}
    assert sequences.copy_memory(np.random.default_rng(0), 1, 1, 1, 2)["x"][0, 1:].tolist() == [
        3,
        0,
    ]


def test_adding_sums_one_number_of_each_half():
    task = sequences.adding(np.random.default_rng(0), 20_000, 7)
    values, markers = task["x"][..., 0], task["x"][..., 1]
    np.testing.assert_array_equal(markers[:, :3].sum(1), 1)
    np.testing.assert_array_equal(markers[:, 3:].sum(1), 1)
    rows = np.arange(20_000)
    marked = values[rows, markers.argmax(1)] + values[rows, 6 - markers[:, ::-1].argmax(1)]
    np.testing.assert_allclose(task["y"], marked, rtol=1e-6)
    assert stats.kstest(values.ravel()[:5000], "uniform").pvalue > 1e-3
    assert ((task["y"] - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.03)


def test_a_n_b_n_by_hand():
    task = sequences.a_n_b_n(np.random.default_rng(0), 300, 1, 3)
    assert set(task["n"]) == {1, 2, 3}
    words = {
        1: ([1, 2, 0, 0, 0, 0], [2, 3, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]),
        2: ([1, 1, 2, 2, 0, 0], [1, 2, 2, 3, 0, 0], [0, 0, 1, 1, 0, 0]),
        3: ([1, 1, 1, 2, 2, 2], [1, 1, 2, 2, 2, 3], [0, 0, 0, 1, 1, 1]),
    }
    for x, y, mask, n in zip(*task.values(), strict=True):
        assert (x.tolist(), y.tolist(), mask.tolist()) == words[n]


def reduced(word):
    """What is left when neighbouring pairs of brackets are taken away again and again."""
    text = "".join("x([)]"[i] for i in word)
    while "()" in text or "[]" in text:
        text = text.replace("()", "").replace("[]", "")
    return text


def test_dyck_words_are_balanced_and_their_targets_follow():
    task = sequences.dyck(np.random.default_rng(0), 300, 1, 8)
    sizes = (task["x"] > 0).sum(1)
    assert set(sizes) == set(range(2, 17, 2))
    for x, y, mask, depth, size in zip(*task.values(), sizes, strict=True):
        assert reduced(x[:size]) == ""
        assert y[: size - 1].tolist() == x[1:size].tolist()
        assert y[size - 1] == sequences.DYCK_END
        assert not x[size:].any()
        assert not y[size:].any()
        assert mask.tolist() == [float(i in sequences.CLOSE) for i in y]
        assert depth[:size].tolist() == np.cumsum(np.where(x[:size] <= 2, 1, -1)).tolist()


def test_all_dyck_words_of_a_size_are_equally_likely():
    task = sequences.dyck(np.random.default_rng(1), 8000, 3, 3)
    counts = collections.Counter(map(tuple, task["x"]))
    assert len(counts) == 5 * 2**3  # Catalan number times kinds
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_words_that_are_not_deep_are_equally_likely_and_the_only_ones():
    task = sequences.dyck(np.random.default_rng(1), 8000, 4, 4, deepest=2)
    counts = collections.Counter(map(tuple, task["x"]))
    assert len(counts) == 8 * 2**4  # of 14 shapes 8 have no third bracket open
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    assert task["depth"].max() == 2
    free, bounded = (
        sequences.dyck(np.random.default_rng(2), 50, 1, 6, deepest) for deepest in (None, 6)
    )
    np.testing.assert_array_equal(free["x"], bounded["x"])


def test_sorting_sorts_what_it_gives():
    task = sequences.sorting(np.random.default_rng(0), 500, 2, 5, 4)
    lengths = []
    for x, y, mask in zip(*task.values(), strict=True):
        ids = x[mask == 1].tolist()
        assert y.tolist() == sorted(ids) + [0] * (5 - len(ids))
        assert not x[mask == 0].any()
        assert set(ids) <= {1, 2, 3, 4}
        lengths.append(len(ids))
    assert set(lengths) == {2, 3, 4, 5}


def test_sizes_that_cannot_be_are_refused():
    rng = np.random.default_rng(0)
    for call, message in [
        (lambda: sequences.copy_memory(rng, 1, 0), "delay 0"),
        (lambda: sequences.adding(rng, 1, 1), "length 1"),
        (lambda: sequences.a_n_b_n(rng, 1, 3, 2), "n from 3 to 2"),
        (lambda: sequences.dyck(rng, 1, 0, 2), "n from 0 to 2"),
        (lambda: sequences.dyck(rng, 1, 1, 2, 0), "deepest 0"),
        (lambda: sequences.sorting(rng, 1, 3, 2, 5), "length from 3 to 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
