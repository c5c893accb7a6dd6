import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.data.errors import DataError
from jaxdl.data.text.streams import chunks, streams


def test_the_layout_by_hand():
    rows = streams(np.arange(1, 13), 2)
    np.testing.assert_array_equal(rows, [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]])
    cut = chunks(rows, 3)
    assert cut["x"].tolist() == [[[1, 2, 3], [7, 8, 9]], [[4, 5, 6], [10, 11, 12]]]
    assert cut["y"].tolist() == [[[2, 3, 4], [8, 9, 10]], [[5, 6, 0], [11, 12, 0]]]
    assert cut["mask"].tolist() == [[[1, 1, 1]] * 2, [[1, 1, 0]] * 2]
    assert cut["start"].tolist() == [[1, 1], [0, 0]]
    assert [cut[name].dtype for name in ("x", "y", "mask")] == [np.int32, np.int32, np.float32]


def test_the_last_chunk_is_filled_with_zeros_that_do_not_count():
    cut = chunks(streams(np.arange(1, 16), 2), 4)
    assert cut["x"].tolist() == [[[1, 2, 3, 4], [8, 9, 10, 11]], [[5, 6, 7, 0], [12, 13, 14, 0]]]
    assert cut["y"].tolist() == [[[2, 3, 4, 5], [9, 10, 11, 12]], [[6, 7, 0, 0], [13, 14, 0, 0]]]
    assert cut["mask"].tolist() == [[[1] * 4] * 2, [[1, 1, 0, 0]] * 2]


def test_no_chunk_is_without_a_known_target():
    cut = chunks(streams(np.arange(1, 11), 2), 4)
    assert cut["x"].tolist() == [[[1, 2, 3, 4], [6, 7, 8, 9]]]
    assert cut["y"].tolist() == [[[2, 3, 4, 5], [7, 8, 9, 10]]]
    assert cut["mask"].tolist() == [[[1] * 4] * 2]


@given(n=st.integers(2, 60), batch_size=st.integers(1, 5), length=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_every_neighbouring_pair_within_a_stream_is_predicted_once(n, batch_size, length):
    if n // batch_size < 2:
        return
    rows = streams(np.arange(100, 100 + n), batch_size)
    assert n - rows.size == n % batch_size < batch_size
    cut = chunks(rows, length)
    real = cut["mask"] == 1
    pairs = sorted(zip(cut["x"][real].tolist(), cut["y"][real].tolist(), strict=True))
    inside = [(i, i + 1) for row in rows.tolist() for i in row[:-1]]
    assert pairs == inside
    assert not cut["y"][~real].any()
    assert real.any(axis=(1, 2)).all()
    joined = np.concatenate(list(cut["x"]), axis=1)[:, : rows.shape[1] - 1]
    np.testing.assert_array_equal(joined, rows[:, :-1])


@pytest.mark.parametrize("batch_size", [0, 4])
def test_more_streams_than_ids_are_refused(batch_size):
    with pytest.raises(ValueError, match=r"batch_size \d is outside 1..3"):
        streams(np.arange(3), batch_size)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), one axis"):
        streams(np.zeros((2, 3)), 1)
    with pytest.raises(ValueError, match=r"shape \(3, 1\)"):
        chunks(np.zeros((3, 1)), 2)
    with pytest.raises(ValueError, match="a chunk has 0 steps"):
        chunks(np.zeros((3, 5)), 0)


def test_what_is_no_id_of_32_bits_is_refused():
    with pytest.raises(DataError, match="streams: dtype float64, integers are needed"):
        chunks(streams(np.arange(6.5), 2), 2)
    with pytest.raises(DataError, match="streams: id 4294967297 is beyond 32 bits"):
        chunks(streams(np.arange(6) + 2**32 + 1, 2), 2)
