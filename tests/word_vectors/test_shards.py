import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from jaxdl.data.errors import DataError
from jaxdl.word_vectors import shards, word2vec

KEY = jax.random.key(0)
V, D, PARTS = 6, 4, 2
RNG = np.random.default_rng(0)
SENTENCES = [RNG.integers(V, size=size) for size in (5, 3, 4, 9, 2, 7)]
PLAN = word2vec.Plan(window=2, length=2, blocks=2)
METHOD = word2vec.cbow(word2vec.negative_sampling(np.full(V, 1 / V), shared=7))
KEEP = np.array([0.5, 1, 1, 1, 1, 1], np.float32)


@pytest.fixture(scope="module")
def mesh():
    return jax.make_mesh((2,), ("device",), axis_types=(AxisType.Auto,))


def test_sentences_are_dealt_out():
    dealt = shards.corpora(SENTENCES, V, shards=2, parts=2)
    assert dealt.words.shape == (2, 2, 10)
    flat = (np.asarray(field).reshape(4, 10) for field in dealt)
    found = [
        words[numbers == number].tolist()
        for words, numbers in zip(*flat, strict=True)
        for number in (0, 1)
    ]
    expected = [SENTENCES[number].tolist() for number in (0, 4, 1, 5, 2, 3)]
    assert [words for words in found if words] == expected


def test_more_corpora_than_sentences_are_refused():
    with pytest.raises(DataError, match="6 sentences are too few for 4 parts of 2 shards"):
        shards.corpora([*SENTENCES, *2 * [np.zeros(0, int)]], V, shards=2, parts=4)


def test_an_unknown_id_is_named_by_its_place_among_all_sentences():
    wrong = [*SENTENCES[:4], np.array([0, V]), SENTENCES[5]]
    with pytest.raises(DataError, match=r"sentence 4, position 1: id 6 is outside 0\.\.5"):
        shards.corpora(wrong, V, shards=2, parts=2)


def test_rows_are_merged_by_hand(mesh):
    """Alike; at right angles; moved by one; against each other; at 45°: Σ|δ|² = 3, |s|² = 5."""
    changes = np.array([
        [[1, 0], [1, 0], [3, 0], [1, 0], [1, 0], [0, 0]],
        [[1, 0], [0, 2], [0, 0], [-1, 0], [1, 1], [0, 0]],
    ], np.float32)  # fmt: skip
    before = np.arange(12, dtype=np.float32).reshape(6, 2)

    @jax.jit
    @functools.partial(jax.shard_map, mesh=mesh, in_specs=(P(), P("device")), out_specs=P())
    def merged(before, change):
        return shards.merged(before, before + change[0], "device")

    moved = np.asarray(merged(before, changes)) - before
    expected = [[1, 0], [1, 2], [3, 0], [0, 0], [1.2, 0.6], [0, 0]]
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_an_epoch_is_one_of_each_device_merged_part_by_part(mesh):
    """Against epochs on one device, one after another, merged in NumPy."""
    corpora = shards.corpora(SENTENCES, V, 2, PARTS)
    steps = shards.steps(PLAN, corpora, KEEP)
    rates = jnp.linspace(0.3, 0.1, PARTS * steps).reshape(PARTS, steps)
    params = {k: RNG.normal(size=(V, D)).astype(np.float32) for k in ("input", "output")}
    run = jax.jit(shards.epoch, static_argnums=(0, 1, 2))
    found = run(METHOD, PLAN, mesh, params, corpora, KEEP, KEY, rates)
    alone = jax.jit(word2vec.epoch, static_argnums=(0, 1))
    keys = jax.random.split(KEY, PARTS)
    for part in range(PARTS):
        after = [
            alone(
                METHOD, PLAN, params, jax.tree.map(lambda x: x[part, shard], corpora), KEEP,  # noqa: B023
                jax.random.fold_in(keys[part], shard), rates[part],
            )
            for shard in range(2)
        ]  # fmt: skip
        for name, table in params.items():
            changes = np.stack([np.asarray(each[name], np.float64) - table for each in after])
            total, squares = changes.sum(axis=0), np.square(changes).sum(axis=(0, 2))
            share = np.minimum(1, squares / np.maximum(np.square(total).sum(axis=1), 1e-30))
            params[name] = (table + share[:, None] * total).astype(np.float32)
    for name, table in params.items():
        np.testing.assert_allclose(found[name], table, rtol=1e-4, atol=1e-5)


def test_steps_are_those_of_the_longest_part():
    corpora = shards.corpora(SENTENCES, V, 2, PARTS)
    assert shards.steps(PLAN, corpora, np.ones(V, np.float32)) == 3
    assert corpora.words.shape[-1] == 10
