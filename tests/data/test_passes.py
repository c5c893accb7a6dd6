"""What `epochs` visits, against the rows that the dataset itself gives in its first pass."""

import itertools
import json
from collections import Counter

import grain
import numpy as np
import pytest
from grain.experimental import WindowShuffleMapDataset, ZipMapDataset

from jaxdl.data.batches import epochs

Rows = grain.MapDataset
SOURCE = Rows.source([{"y": np.int32(row)} for row in range(100)])


def jittered(row, rng):
    return row | {"draw": rng.integers(2**62)}


SHUFFLED = SOURCE.shuffle(1)[:40]
RANDOM, OTHER = (SOURCE.seed(seed).random_map(jittered) for seed in (1, 2))
GIVEN = {
    "slice of a shuffle": SOURCE.seed(42).shuffle()[:80],
    "shuffle of a slice": SOURCE[3:73:2].seed(42).shuffle(),
    "slices of slices": SOURCE.shuffle(1)[10:90].shuffle(2)[::3].map(lambda row: row),
    "window shuffle": WindowShuffleMapDataset(SOURCE, window_size=30, seed=3)[:50],
    "mixture": Rows.mix([SHUFFLED, SOURCE[50:80]], [0.7, 0.3])[:50],
    "concatenation": Rows.concatenate([SHUFFLED, SOURCE.shuffle(2)[30:60]]),
    "random map": RANDOM,
    "random map, then chosen": RANDOM.shuffle()[:40],
    "chosen, then random map": SOURCE.seed(1).shuffle()[:40].random_map(jittered),
    "mixture of random maps": Rows.mix([RANDOM.shuffle()[:20], OTHER.shuffle()[:20]]),
    "zip": ZipMapDataset([SHUFFLED, SOURCE[:40]]).map(lambda pair: pair[0]),
    "map with index": SHUFFLED.map_with_index(lambda i, row: row | {"i": i}),
    "repeated source": SOURCE[:20].repeat(3),
    "batches": SHUFFLED.batch(2).map(lambda rows: {"y": rows["y"][0]}),
}


def visited(data, num_epochs, batch_size=10):
    """The ids of each epoch, and the draws of all of them."""
    batches = list(epochs(data, batch_size, 0, num_epochs))
    ids = np.concatenate([batch["y"] for batch in batches]).reshape(num_epochs, -1)
    return ids, np.concatenate([batch.get("draw", batch["y"]) for batch in batches])


@pytest.mark.parametrize("data", GIVEN.values(), ids=GIVEN)
def test_every_epoch_visits_exactly_the_rows_given(data):
    given = Counter(int(data[i]["y"]) for i in range(len(data)))
    batch_size = next(size for size in (10, 7, 9) if len(data) % size == 0)
    ids, _ = visited(data, 4, batch_size)
    assert all(Counter(epoch.tolist()) == given for epoch in ids)
    assert len({tuple(epoch) for epoch in ids}) == 4


def test_rows_held_out_by_a_slice_stay_held_out_when_it_is_repeated_by_its_user():
    chosen = SOURCE.seed(42).shuffle()[:40]
    once = {int(chosen[i]["y"]) for i in range(40)}
    for data in (chosen.repeat(2), chosen.repeat()[:80]):
        for epoch in visited(data, 3)[0]:
            assert Counter(epoch.tolist()) == Counter(2 * [*once])


@pytest.mark.parametrize("name", [name for name in GIVEN if "random" in name])
def test_random_maps_draw_anew_for_every_row_of_every_epoch(name):
    _, draws = visited(GIVEN[name], 4)
    assert len(set(draws.tolist())) == len(draws) == 4 * len(GIVEN[name])


def test_maps_with_an_index_get_that_of_the_first_pass():
    data = GIVEN["map with index"]
    for batch in epochs(data, 10, 0, 3):
        np.testing.assert_array_equal(batch["y"], [data[int(i)]["y"] for i in batch["i"]])


@pytest.mark.parametrize("data", GIVEN.values(), ids=GIVEN)
def test_every_kind_continues_exactly_from_a_saved_state(data):
    iterator = epochs(data, 10, seed=5)
    for _ in range(13):
        next(iterator)
    state = json.dumps(iterator.get_state())
    rest = list(itertools.islice(iterator, 9))
    fresh = epochs(data, 10, seed=5)
    fresh.set_state(json.loads(state))
    for one, other in zip(rest, fresh, strict=False):
        assert set(one) == set(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_the_dataset_that_is_given_stays_as_it_was():
    data = SOURCE.seed(1).random_map(jittered).shuffle()[:40]
    before = [data[i] for i in range(120)]
    visited(data, 2)
    assert [data[i] for i in range(120)] == before


REFUSED = {
    "a filter": (SOURCE.filter(lambda row: row["y"] > 50), "FilterMapDataset.*leaves rows out"),
    "a filter below": (SOURCE.filter(lambda row: row["y"] > 50)[:30], "leaves rows out"),
    "no end": (SOURCE.repeat(), "repeated without end"),
    "a stream": (SOURCE.to_iter_dataset(), "no random access"),
    "draws that would stand still": (
        SOURCE.seed(1).random_map(jittered).map_with_index(lambda i, row: row),
        "a random map stands before MapWithIndexMapDataset",
    ),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_what_no_epoch_can_be_promised_of_is_refused(data, message):
    with pytest.raises(ValueError, match=message) as caught:
        epochs(data, 10, 0, 2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("batch_size", [1, 5])
def test_rows_that_are_none_are_refused_when_they_are_met(batch_size):
    data = SOURCE.map(lambda row: row if row["y"] % 2 else None)
    with pytest.raises(ValueError, match="a row of the data is None"):
        list(epochs(data, batch_size, 0, 1))
