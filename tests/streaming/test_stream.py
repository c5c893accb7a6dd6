"""A fresh stream that is moved to where another one was continues exactly."""

import logging

import numpy as np
import pytest
from support.streams import DATA

from jaxdl import params, quiet
from jaxdl.data.batches import epochs
from jaxdl.streaming.stream import Stream

with quiet.absl(logging.WARNING):
    import grain
    from grain import samplers, transforms

ROWS = [{"x": x, "y": y} for x, y in zip(DATA["x"], DATA["y"], strict=True)]


class Jitter(transforms.RandomMap):
    def random_map(self, row, rng):
        return {**row, "x": row["x"] + rng.normal(size=3)}


class Rows:
    def __len__(self):
        return len(ROWS)

    def __getitem__(self, index):
        return ROWS[index]

    def __repr__(self):  # grain tells sources apart by it
        return "Rows()"


def jittered():
    return grain.MapDataset.source(ROWS).seed(3).random_map(Jitter())


def loader():
    sampler = samplers.IndexSampler(len(ROWS), shuffle=True, seed=1, num_epochs=None)
    operations = [Jitter(), transforms.Batch(8, drop_remainder=True)]
    return grain.DataLoader(data_source=Rows(), sampler=sampler, operations=operations)


def buckets():
    """Rows of like size side by side, and some left out."""
    rows = grain.MapDataset.source(ROWS).seed(2).shuffle().repeat(None).to_iter_dataset()
    return iter(rows.filter(lambda row: row["x"][0] > -0.5).batch(8))


SOURCES = {
    "arrays": lambda: epochs(DATA, 8, 0),
    "augmented": lambda: epochs(jittered(), 8, 0),
    "loader": loader,
    "filtered": buckets,
}


@pytest.mark.parametrize("source", SOURCES)
def test_it_goes_on_exactly(source):
    whole = Stream(SOURCES[source]())
    digests = [params.digest(next(whole)) for _ in range(14)]
    assert len(set(digests)) == 14
    for done in (1, 7):  # within an epoch of five batches, and across its end
        stream = Stream(SOURCES[source]())
        for _ in range(done):
            next(stream)
        fresh = Stream(SOURCES[source]())
        fresh.move(stream.position())
        assert [params.digest(next(fresh)) for _ in range(14 - done)] == digests[done:]


def test_its_first_batch_comes_first():
    stream = Stream(SOURCES["arrays"]())
    np.testing.assert_equal(next(stream), stream.first)
    assert '"next_index"' in stream.position()
