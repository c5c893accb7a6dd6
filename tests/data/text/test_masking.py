"""The statistics of the masks over many words, and pairs by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data.errors import DataError
from jaxdl.data.text import masking
from jaxdl.data.text.masking import FOLLOWS, RANDOM

IDS = {"[PAD]": 0, "a": 1, "b": 2, "[UNK]": 3, "[CLS]": 4, "[SEP]": 5, "[MASK]": 6}
IDS |= {f"w{i}": i for i in range(7, 27)}
KNOWN = masking.symbols(IDS)
ROWS, LENGTH = 200, 200


@pytest.fixture(scope="module")
def mask():
    x = np.random.default_rng(0).choice(KNOWN.words, (ROWS, LENGTH)).astype(np.int32)
    x[:, 0], x[:, 50], x[:, 51], x[:, 150:] = KNOWN.start, KNOWN.end, KNOWN.unknown, KNOWN.pad

    @jax.jit
    def draw(seed, share, fates):
        return masking.masked({"x": x, "other": x}, jax.random.key(seed), KNOWN, share, fates)

    return draw


def within(count, of, probability):
    """Whether a count of independent draws is within 4 standard deviations."""
    return abs(count - of * probability) <= 4 * np.sqrt(of * probability * (1 - probability)) + 1e-9


@pytest.mark.parametrize(
    ("share", "fates"), [(0.15, (0.8, 0.1, 0.1)), (0.4, (1.0, 0.0, 0.0)), (1.0, (0.2, 0.5, 0.3))]
)
def test_shares_of_the_masks(mask, share, fates):
    batch = jax.tree.map(np.asarray, mask(0, share, jnp.array(fates)))
    x, y, chosen = batch["x"], batch["y"], batch["y_mask"] == 1
    words = np.isin(y, KNOWN.words)
    assert not (chosen & ~words).any()
    assert ((x == y) | chosen).all()
    assert (batch["other"] == y).all()
    assert set(np.unique(batch["y_mask"])) <= {0.0, 1.0}
    assert within(chosen.sum(), words.sum(), share)
    of_mask, other, _ = fates
    n, new = chosen.sum(), x[chosen]
    assert within((new == KNOWN.mask).sum(), n, of_mask)
    changed = (new != KNOWN.mask) & (new != y[chosen])
    assert within(changed.sum(), n, other * (1 - 1 / len(KNOWN.words)))
    assert np.isin(new[changed], KNOWN.words).all()
    if other:
        assert len(np.unique(new[changed])) == len(KNOWN.words)


def test_draws_differ_by_key_alone(mask):
    first, again, second = (mask(seed, 0.15, jnp.array((0.8, 0.1, 0.1))) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first["x"], again["x"])
    both = (first["y_mask"] * second["y_mask"]).sum()
    assert within(both, ROWS * 147, 0.15**2)  # 150 places, 3 of them symbols


def test_pairs_by_hand():
    one = [np.array([7, 8]), np.array([9]), np.array([10, 11, 12])]
    two = [np.array([20]), np.array([21, 22])]
    made = masking.pairs([one, two], KNOWN, 8, seed=0)
    assert sorted(made["pair"]) == [FOLLOWS, FOLLOWS, RANDOM]
    follows = {7: (7, 8, 5, 9), 9: (9, 5, 10, 11, 12), 20: (20, 5, 21, 22)}
    for x, mask, segments, pair in zip(*made.values(), strict=True):
        assert x[0] == KNOWN.start
        ends = np.flatnonzero(x == KNOWN.end)
        assert len(ends) == 2
        expected = np.arange(8)
        np.testing.assert_array_equal(mask, expected <= ends[1])
        np.testing.assert_array_equal(segments, (expected > ends[0]) & (expected <= ends[1]))
        assert (x[ends[1] + 1 :] == KNOWN.pad).all()
        if pair == FOLLOWS:
            assert tuple(x[1 : ends[1]]) == follows[x[1]]
        else:
            assert (x[1] < 20) != (x[ends[0] + 1] < 20), "of another document"


def test_half_of_many_pairs_are_random():
    documents = [[np.array([7 + place])] * 3 for place in range(20)]
    made = masking.pairs(documents, KNOWN, 5, seed=1)
    assert (made["pair"] == RANDOM).sum() == 20
    same = made["x"][:, 1] == made["x"][:, 3]
    np.testing.assert_array_equal(same, made["pair"] == FOLLOWS)
    assert len(np.unique(made["x"][made["pair"] == RANDOM, 3])) > 8


def test_the_longer_sentence_is_cut():
    long, short = np.arange(7, 17), np.array([20, 21])
    for first, second, wanted in (
        (long, short, [4, 7, 8, 9, 10, 5, 20, 21, 5]),
        (short, long, [4, 20, 21, 5, 7, 8, 9, 10, 5]),
        (long, long, [4, 7, 8, 9, 5, 7, 8, 9, 5]),
    ):
        made = masking.pairs([[first, second], [short]], KNOWN, 9, seed=0)
        assert made["pair"] == [FOLLOWS]
        assert made["x"][0].tolist() == wanted


def test_symbols_of_the_house():
    names = {name: place for place, name in enumerate((*masking.HOUSE, "the"))}
    assert masking.symbols(names, masking.HOUSE) == (0, 1, 2, 3, 4, 6)


def test_errors():
    without = {name: i for name, i in IDS.items() if name != "[MASK]"}
    with pytest.raises(DataError, match=r"of 26 tokens has no \[MASK\]; add it"):
        masking.symbols(without)
    with pytest.raises(DataError, match="has no tokens beside"):
        masking.symbols({name: i for i, name in enumerate(masking.BERT)})
    word, nothing = np.array([7]), np.array([], np.int32)
    with pytest.raises(DataError, match="document 1, sentence 0 is empty"):
        masking.pairs([[word, word], [nothing]], KNOWN, 8, 0)
    with pytest.raises(DataError, match="no sentences"):
        masking.pairs([], KNOWN, 8, 0)
    with pytest.raises(DataError, match="no document has two sentences"):
        masking.pairs([[word], [word]], KNOWN, 8, 0)
    with pytest.raises(DataError, match="of one document"):
        masking.pairs([[word, word]], KNOWN, 8, 0)
    with pytest.raises(ValueError, match="length 4: 5 or more"):
        masking.pairs([[word, word], [word]], KNOWN, 4, 0)
    for fates in ((0.5, 0.1, 0.1), (0.8, 0.2), (1.2, -0.2, 0.0), (np.nan, 0.1, 0.1)):
        with pytest.raises(ValueError, match="three probabilities that add up to 1"):
            masking.masked({"x": word[None]}, jax.random.key(0), KNOWN, fates=fates)
