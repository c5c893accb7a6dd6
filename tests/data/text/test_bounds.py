"""Bounds of buckets against every choice there is."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdl.data.errors import DataError
from jaxdl.data.text import bounds, bucketing


def positions(lengths, chosen):
    return sum(min(bound for bound in chosen if bound >= length) for length in lengths)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 5))
def test_no_other_bounds_need_fewer_positions(lengths, buckets):
    found = bounds.least_padding(np.array(lengths), buckets)
    assert len(found) <= buckets
    assert set(found) <= set(lengths)
    assert found[-1] == max(lengths)
    assert (np.diff(found) > 0).all()
    others = [
        (*chosen, max(lengths))
        for count in range(buckets)
        for chosen in itertools.combinations(sorted(set(lengths)), count)
    ]
    assert positions(lengths, found) == min(positions(lengths, chosen) for chosen in others)


def test_a_rare_long_sequence_gets_a_bucket_of_its_own():
    lengths = np.array([5] * 50 + [6] * 50 + [40])
    np.testing.assert_array_equal(bounds.least_padding(lengths, 2), [6, 40])
    np.testing.assert_array_equal(bucketing.boundaries(lengths, 2), [6, 40])
    longer = np.array([5] * 50 + [6] * 20 + [7] * 30 + [40])
    np.testing.assert_array_equal(bounds.least_padding(longer, 2), [7, 40])
    np.testing.assert_array_equal(bucketing.boundaries(longer, 2), [6, 40])


def test_what_is_no_choice_of_buckets_is_refused():
    with pytest.raises(ValueError, match="0 buckets, 1 or more are needed"):
        bounds.least_padding(np.array([1]), 0)
    with pytest.raises(DataError, match="row 1 is empty"):
        bounds.least_padding(np.array([1, 0]), 1)
