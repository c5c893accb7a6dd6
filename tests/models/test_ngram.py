"""Hand-counted probabilities, sums to 1, and the definitions written out with dictionaries."""

import functools
import itertools
from collections import Counter

import numpy as np
import pytest

from jaxdl.models import ngram

RNG = np.random.default_rng(0)
SIZE = 6
TEXTS = [RNG.choice(5, size=length, p=[0.4, 0.3, 0.15, 0.1, 0.05]) for length in (40, 1, 0, 25)]
ORDERS = (1, 2, 3, 4)
MODELS = {
    "add_k": lambda counts, windows: ngram.add_k(counts, windows, 0.3),
    "jelinek_mercer": lambda counts, windows: ngram.jelinek_mercer(
        counts, windows, [0.9, 0.7, 0.6, 0.5][: counts.order]
    ),
    "kneser_ney": lambda counts, windows: ngram.kneser_ney(counts, windows, 0.6),
}
each_model = pytest.mark.parametrize("name", MODELS)
START, THE, CAT, DOG = range(4)
SENTENCES = [[THE, CAT], [THE, CAT], [THE, DOG]]


def fitted(order):
    windows = ngram.windows_of(TEXTS, order, start=5)
    return ngram.fit(windows, SIZE), windows


def probability(model, order, gram):
    """p of the last id of a gram, by a model of `SENTENCES`."""
    counts = ngram.fit(ngram.windows_of(SENTENCES, order, START), 4)
    return float(np.exp(model(counts, np.array([gram])))[0])


def test_windows_by_hand():
    windows = ngram.windows_of([[1, 2, 3], [4], []], 3, start=0)
    assert windows.tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [0, 0, 4]]
    assert ngram.windows_of([[1, 2]], 1, start=0).tolist() == [[1], [2]]
    assert ngram.windows_of([], 2, start=0).shape == (0, 2)


def test_add_one_by_hand():
    def laplace(counts, windows):
        return ngram.add_k(counts, windows, 1.0)

    assert probability(laplace, 2, [THE, CAT]) == pytest.approx((2 + 1) / (3 + 4))
    assert probability(laplace, 2, [CAT, DOG]) == pytest.approx(1 / 4)
    assert probability(laplace, 1, [THE]) == pytest.approx((3 + 1) / (6 + 4))


def test_jelinek_mercer_by_hand():
    def mixed(counts, windows):
        return ngram.jelinek_mercer(counts, windows, [0.5, 0.8])

    cat = 0.5 * 2 / 6 + 0.5 / 4
    assert probability(mixed, 2, [THE, CAT]) == pytest.approx(0.8 * 2 / 3 + 0.2 * cat)
    # Nothing ever followed the dog.
    assert probability(mixed, 2, [DOG, CAT]) == pytest.approx(cat)


def test_kneser_ney_by_hand():
    def absolute(counts, windows):
        return ngram.kneser_ney(counts, windows, 0.5)

    # Three distinct pairs: each word stands behind one other, however often it occurs.
    alone = (1 - 0.5) / 3 + 0.5 * 3 / 3 / 4
    assert probability(absolute, 2, [CAT, THE]) == pytest.approx(alone)
    assert probability(absolute, 2, [CAT, CAT]) == pytest.approx(alone)
    expected = (2 - 0.5) / 3 + 0.5 * 2 / 3 * alone
    assert probability(absolute, 2, [THE, CAT]) == pytest.approx(expected)
    assert probability(absolute, 2, [THE, START]) == pytest.approx(0.5 * 2 / 3 * (0.5 / 4))


@each_model
@pytest.mark.parametrize("order", ORDERS)
def test_probabilities_of_all_contexts_sum_to_one(name, order):
    counts, _ = fitted(order)
    for context in itertools.product(range(SIZE), repeat=order - 1):
        p = np.exp(MODELS[name](counts, ngram.following(context, SIZE)))
        assert p.min() > 0
        assert p.sum() == pytest.approx(1, abs=1e-12)


@functools.cache
def grams(order):
    """Counters of the grams of 1 … n ids."""
    padded = [[5] * (order - 1) + text.tolist() for text in TEXTS]
    counters = [Counter() for _ in range(order + 1)]
    for text in padded:
        for end in range(order, len(text) + 1):
            for m in range(1, order + 1):
                counters[m][tuple(text[end - m : end])] += 1
    return counters


def by_definition(counter, gram):
    """c(h, w), c(h) and N(h)."""
    same = {g: c for g, c in counter.items() if g[:-1] == gram[:-1]}
    return counter[gram], sum(same.values()), len(same)


def jelinek_mercer_by_definition(order, window):
    p = 1 / SIZE
    for m, weight in zip(range(1, order + 1), [0.9, 0.7, 0.6, 0.5], strict=False):
        c, total, _ = by_definition(grams(order)[m], window[order - m :])
        p = weight * c / total + (1 - weight) * p if total else p
    return p


def kneser_ney_by_definition(order, window):
    counters = grams(order)
    p = 1 / SIZE
    for m in range(1, order + 1):
        counter = counters[m]
        if m < order:
            counter = Counter(gram[1:] for gram in counters[m + 1])
        c, total, types = by_definition(counter, window[order - m :])
        p = (max(c - 0.6, 0) + 0.6 * types * p) / total if total else p
    return p


def add_k_by_definition(order, window):
    c, total, _ = by_definition(grams(order)[order], window)
    return (c + 0.3) / (total + 0.3 * SIZE)


DEFINITIONS = {
    "add_k": add_k_by_definition,
    "jelinek_mercer": jelinek_mercer_by_definition,
    "kneser_ney": kneser_ney_by_definition,
}


@each_model
@pytest.mark.parametrize("order", ORDERS)
def test_models_are_their_definitions(name, order):
    counts, windows = fitted(order)
    some = np.concatenate([windows[::7], RNG.integers(SIZE, size=(15, order))])
    expected = [DEFINITIONS[name](order, tuple(row)) for row in some.tolist()]
    np.testing.assert_allclose(np.exp(MODELS[name](counts, some)), expected, rtol=1e-12)


def test_perplexity_and_bits_of_equal_choices():
    counts, windows = fitted(1)
    even = ngram.jelinek_mercer(counts, windows, [0.0])
    assert ngram.perplexity(even) == pytest.approx(SIZE)
    assert ngram.bits(even) == pytest.approx(np.log2(SIZE))
    assert ngram.perplexity(np.log([0.5, 0.125])) == pytest.approx(4)


def test_longer_contexts_help_where_the_text_has_them():
    """Ids that are drawn given their predecessor: the bigram reaches the entropy rate."""
    chain = RNG.dirichlet(np.full(8, 0.3), size=8)
    text = [0]
    for _ in range(20_000):
        text.append(int(RNG.choice(8, p=chain[text[-1]])))
    train, test = [text[:18_000]], [text[18_000:]]
    perplexities = []
    for order in (1, 2, 3):
        counts = ngram.fit(ngram.windows_of(train, order, 0), 8)
        held_out = ngram.windows_of(test, order, 0)
        perplexities.append(ngram.perplexity(ngram.kneser_ney(counts, held_out)))
    truth = ngram.windows_of(test, 2, 0)[1:]
    entropy_rate = -np.log(chain[truth[:, 0], truth[:, 1]]).mean()
    assert perplexities[0] > 1.2 * np.exp(entropy_rate)
    assert perplexities[1] == pytest.approx(np.exp(entropy_rate), rel=0.01)
    assert perplexities[2] == pytest.approx(perplexities[1], rel=0.03)


def test_the_best_discount_is_the_one_of_the_fewest_bits():
    counts, windows = fitted(2)
    bits = {each: ngram.bits(ngram.kneser_ney(counts, windows, each)) for each in (0.1, 0.5, 0.9)}
    assert ngram.best_discount(counts, windows, tuple(bits)) == min(bits, key=bits.get)


def test_what_cannot_be_counted_is_refused():
    counts, windows = fitted(2)
    bad = windows.copy()
    bad[3, 1] = SIZE
    for call, message in [
        (lambda: ngram.fit(bad, SIZE), r"window 3, place 1: id 6 is outside 0\.\.5"),
        (lambda: ngram.kneser_ney(counts, bad), "window 3, place 1"),
        (lambda: ngram.fit(windows[:0], SIZE), "no windows"),
        (lambda: ngram.fit(np.zeros((1, 5), int), 20_000), "63 bits"),
        (lambda: ngram.windows_of(TEXTS, 0, 5), "order 0"),
        (lambda: ngram.add_k(counts, windows, 0), "k 0"),
        (lambda: ngram.kneser_ney(counts, windows, 1.0), "discount 1.0"),
        (lambda: ngram.jelinek_mercer(counts, windows, [0.5]), "2 numbers"),
        (lambda: ngram.jelinek_mercer(counts, windows, [0.5, 1.0]), "2 numbers"),
        (lambda: ngram.add_k(counts, windows[:, 1:], 1), "windows of 1 ids for counts of order 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
