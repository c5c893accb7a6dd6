import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.data.errors import DataError
from jaxdl.data.text import bucketing as b

RNG = np.random.default_rng(0)
LENGTHS = np.minimum(RNG.geometric(0.05, 1000), 120).astype(np.int32)
EXAMPLES = [RNG.integers(4, 50, length) for length in LENGTHS]
BOUNDS = b.boundaries(LENGTHS, 6)
some_lengths = st.lists(st.integers(1, 12), min_size=1, max_size=40).map(np.array)
few = settings(max_examples=60, deadline=None)


def test_padding_by_hand():
    padded = b.pad([[5, 6, 7], [8]])
    assert padded["x"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert padded["length"].tolist() == [3, 1]
    assert padded["mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert [padded[name].dtype for name in padded] == [np.int32, np.int32, np.float32]
    assert b.pad([[5, 6, 7], [8]], 5)["x"].tolist() == [[5, 6, 7, 0, 0], [8, 0, 0, 0, 0]]


def test_boundaries_are_quantiles():
    assert b.boundaries(np.arange(1, 13), 4).tolist() == [3, 6, 9, 12]
    assert b.boundaries(np.array([2, 2, 2, 9]), 4).tolist() == [2, 9]
    assert b.boundaries(np.array([7, 3]), 1).tolist() == [7]
    counts = np.bincount(b.assign(LENGTHS, BOUNDS))
    # A bucket takes all examples of its last length.
    assert abs(counts - 1000 / 6).max() <= np.bincount(LENGTHS).max()


def test_a_length_goes_to_the_first_bucket_that_holds_it():
    assert b.assign(np.array([1, 3, 4, 6, 7]), np.array([3, 6, 9])).tolist() == [0, 0, 1, 1, 2]


@given(lengths=some_lengths, buckets=st.integers(1, 5), batch_size=st.integers(1, 6))
@few
def test_every_example_once_an_epoch_in_few_shapes(lengths, buckets, batch_size):
    bounds = b.boundaries(lengths, buckets)
    planned = b.plan(lengths, bounds, batch_size, seed=3)
    real = np.concatenate([rows[real] for rows, real, _ in planned])
    assert sorted(real.tolist()) == list(range(len(lengths)))
    assert len({(rows.shape, length) for rows, _, length in planned}) <= buckets
    for rows, real, length in planned:
        assert rows.shape == real.shape == (batch_size,)
        shorter = bounds[bounds < length].max(initial=0)
        assert ((lengths[rows] > shorter) & (lengths[rows] <= length)).all()
    # One batch at most in each bucket is not full.
    partial = [length for _, real, length in planned if not real.all()]
    assert len(partial) == len(set(partial))


def test_batches_hold_the_examples():
    seen = []
    for batch in b.batches(EXAMPLES, BOUNDS, 32, seed=1):
        assert batch["x"].shape == batch["mask"].shape == (32, batch["x"].shape[1])
        assert batch["x"].shape[1] in BOUNDS
        columns = (batch[name] for name in ("x", "mask", "length", "row"))
        for x, mask, length, row in zip(*columns, strict=True):
            np.testing.assert_array_equal(x[:length], EXAMPLES[row])
            assert not x[length:].any()
            if mask.any():
                seen.append(int(row))
                np.testing.assert_array_equal(mask, np.arange(len(x)) < length)
    assert sorted(seen) == list(range(1000))


def test_seed_and_epoch_decide_the_order():
    def order(seed, epoch):
        planned = b.plan(LENGTHS, BOUNDS, 32, seed, epoch)
        return np.concatenate([rows for rows, _, _ in planned]).tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_who_shares_a_batch_changes_with_the_epoch():
    def companies(epoch):
        return {frozenset(rows.tolist()) for rows, _, _ in b.plan(LENGTHS, BOUNDS, 32, 0, epoch)}

    assert not companies(0) & companies(1)


def test_batches_of_all_buckets_are_mixed():
    sizes = [length for _, _, length in b.plan(LENGTHS, BOUNDS, 16, seed=0)]
    changes = sum(one != other for one, other in itertools.pairwise(sizes))
    assert changes > len(sizes) / 2


def test_waste_by_hand():
    lengths = np.array([1, 2, 3, 8])
    whole = b.plan(lengths, np.array([8]), 2, seed=0)
    assert b.waste(lengths, whole) == 1 - 14 / 32
    halves = b.plan(lengths, np.array([2, 8]), 2, seed=0)
    assert b.waste(lengths, halves) == 1 - 14 / (2 * 2 + 2 * 8)
    # A batch of four with one real row: 3 of its rows are waste as well.
    filled = b.plan(lengths, np.array([3, 8]), 3, seed=0)
    assert b.waste(lengths, filled) == 1 - 14 / (3 * 3 + 3 * 8)
    pairs = [b.Planned(np.array(rows), np.array([True] * 2), 8) for rows in ([0, 1], [2, 3])]
    assert b.waste(lengths, b.to_longest(lengths, pairs)) == 1 - 14 / (2 * 2 + 2 * 8)


def test_waste_is_the_share_of_masked_positions():
    masks = [batch["mask"] for batch in b.batches(EXAMPLES, BOUNDS, 32, seed=1)]
    share = 1 - sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks)
    assert b.waste(LENGTHS, b.plan(LENGTHS, BOUNDS, 32, 1)) == pytest.approx(share)


def test_buckets_waste_less_than_the_longest_and_that_less_than_the_maximum():
    maximum = b.plan(LENGTHS, BOUNDS[-1:], 20, seed=0)
    shares = [
        b.waste(LENGTHS, planned)
        for planned in (maximum, b.to_longest(LENGTHS, maximum), b.plan(LENGTHS, BOUNDS, 20, 0))
    ]
    assert shares[0] == pytest.approx(1 - LENGTHS.mean() / LENGTHS.max())
    assert shares[0] > shares[1] + 0.1 > shares[2] + 0.2


@given(lengths=some_lengths)
@few
def test_first_fit_is_its_definition(lengths):
    bins = []
    for row, length in enumerate(lengths):
        for members in bins:
            if lengths[members].sum() + length <= 12:
                members.append(row)
                break
        else:
            bins.append([row])
    assert b.first_fit(lengths, 12) == bins


def test_packing_by_hand():
    packed = b.pack([[5, 6, 7], [8, 9], [4], [3, 2]], 4)
    assert packed["x"].tolist() == [[5, 6, 7, 4], [8, 9, 3, 2]]
    assert packed["segment"].tolist() == [[1, 1, 1, 2], [1, 1, 2, 2]]
    assert packed["position"].tolist() == [[0, 1, 2, 0], [0, 1, 0, 1]]
    packed = b.pack([[5, 6, 7], [8, 9]], 4)
    assert packed["x"].tolist() == [[5, 6, 7, 0], [8, 9, 0, 0]]
    assert packed["segment"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]


def test_packing_keeps_every_sequence_in_one_piece():
    packed = b.pack(EXAMPLES, 150)
    found = []
    for x, segment in zip(packed["x"], packed["segment"], strict=True):
        found += [tuple(x[segment == number]) for number in range(1, segment.max() + 1)]
    assert sorted(found) == sorted(map(tuple, EXAMPLES))
    assert (packed["segment"] == 0).mean() < 0.05


def test_rows_that_do_not_fit_are_named():
    cases = [
        (b.pad, ([[1], [], [2]],), "row 1 is empty"),
        (b.pad, ([[1], [1, 2, 3]], 2), "row 1 has length 3, more than 2"),
        (b.boundaries, (np.array([3, 0]), 2), "row 1 is empty"),
        (b.assign, (np.array([1, 2, 7]), np.array([2, 4])), "row 2 has length 7, more than 4"),
        (b.pack, ([[1], [1, 2]], 1), "row 1 has length 2, more than 1"),
        (b.lengths_of, ([],), "no sequences"),
    ]
    for function, arguments, message in cases:
        with pytest.raises(DataError) as caught:
            function(*arguments)
        assert str(caught.value) == message


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="0 buckets"):
        b.boundaries(LENGTHS, 0)
    with pytest.raises(ValueError, match="batch_size 0"):
        b.plan(LENGTHS, BOUNDS, 0, seed=0)


@pytest.mark.parametrize("arrange", [b.pad, lambda rows: b.pack(rows, 4)])
def test_what_is_no_id_of_32_bits_is_refused_by_row(arrange):
    with pytest.raises(DataError, match="row 1: dtype float64, integers are needed"):
        arrange([np.array([1, 2]), np.array([2.7])])
    with pytest.raises(DataError, match="row 1: id 4294967297 is beyond 32 bits"):
        arrange([np.array([1, 2]), np.array([5, 2**32 + 1])])


def test_a_planned_batch_predicts_the_next_ids_of_its_real_rows():
    batch = b.Planned(np.array([1, 0, 1]), np.array([True, True, False]), 3)
    found = b.next_ids([np.array([5, 6, 7, 8]), np.array([5, 9])], batch)
    assert found["x"].tolist() == [[5, 9, 0], [5, 6, 7], [5, 9, 0]]
    assert found["y"].tolist() == [[9, 0, 0], [6, 7, 8], [0, 0, 0]]


def test_packed_rows_predict_the_next_ids_of_each_sequence_alone():
    found = b.next_ids_packed([[5, 6, 7], [8], [4, 3], [9, 2]], 3)
    assert found["x"].tolist() == [[5, 6, 7], [4, 3, 9]]
    assert found["y"].tolist() == [[6, 7, 0], [3, 0, 2]]
    assert found["segments"].tolist() == [[1, 1, 1], [1, 1, 2]]
