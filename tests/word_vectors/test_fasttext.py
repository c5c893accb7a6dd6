import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import similarity
from jaxdl.word_vectors import fasttext, windows, word2vec
from jaxdl.word_vectors.ngrams import UNSEEN, FastText, ngram_ids

KEY = jax.random.key(0)
WORDS = ["reading", "readings", "waters", "water", "a"]
V, D, BUCKETS = len(WORDS), 4, 30
NGRAMS, MASK = ngram_ids(WORDS, BUCKETS)
OBJECTIVE = word2vec.negative_sampling(np.full(V, 1 / V), negatives=5, shared=7)
METHOD = fasttext.skip_gram(OBJECTIVE, NGRAMS, MASK, BUCKETS)
CORPUS = windows.corpus([np.array([0, 4, 1, 3]), np.array([2, 3])], V)


@pytest.fixture(scope="module")
def blocks():
    @jax.jit
    def cut(key):
        return windows.blocks(key, windows.padded(CORPUS, 2, 6), jnp.arange(0, 6, 3), 3, 2)

    return jax.device_get(cut(KEY))


@pytest.fixture(scope="module")
def params():
    tables = jax.eval_shape(lambda: word2vec.vectors(KEY, METHOD, V + BUCKETS, D))
    assert {name: t.shape for name, t in tables.items()} == {
        "input": (V + BUCKETS, D),
        "output": (V, D),
    }
    rng = np.random.default_rng(0)
    return {k: rng.normal(size=t.shape).astype(np.float32) for k, t in tables.items()}


def of_words(params, words):
    ids, mask = ngram_ids(words, BUCKETS)
    numbers = jnp.array([WORDS.index(word) if word in WORDS else UNSEEN for word in words])
    model = FastText(V, BUCKETS, D)
    return model.apply(fasttext.variables(params, V), numbers, ids, mask)


def test_the_loss_is_that_of_skip_gram_with_the_vectors_of_the_model(blocks, params):
    """The model looks the rows up in its own way; word2vec has a row for each word."""
    plain = word2vec.skip_gram(OBJECTIVE)
    batch = {"x": blocks.words, "near": blocks.near}

    @jax.jit
    def both(params):
        of_model = {"input": of_words(params, WORDS), "output": params["output"]}
        theirs, _ = word2vec.word2vec(plain, V, D).loss(of_model, {}, batch, KEY, train=True)
        ours, _ = word2vec.word2vec(METHOD, V + BUCKETS, D).loss(params, {}, batch, KEY, train=True)
        return ours, theirs

    ours, theirs = both(params)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_a_step_is_one_of_dense_descent_and_leaves_other_buckets_alone(blocks, params):
    task = word2vec.word2vec(METHOD, V + BUCKETS, D)
    batch = {"x": blocks.words, "near": blocks.near}
    count = float(METHOD.predictions(blocks))
    rate = 1e-3  # at which no row reaches the longest step

    @jax.jit
    def both(params):
        loss = lambda p: task.loss(p, {}, batch, KEY, train=True)[0]  # noqa: E731
        return jax.grad(loss)(params), word2vec.step(METHOD, params, blocks, KEY, rate)

    gradient, stepped = jax.device_get(both(params))
    for name, table in params.items():
        np.testing.assert_allclose(stepped[name], table - rate * count * gradient[name], atol=1e-6)
    used = set(NGRAMS[MASK > 0].tolist())
    moved = np.abs(stepped["input"] - params["input"]).max(axis=1)[V:] > 0
    assert set(np.flatnonzero(moved)) == used
    assert len(used) < BUCKETS


def test_a_word_moves_as_in_skip_gram(params):
    """One centre: each of its rows, and so their mean, by what a vector of its own would move."""
    blocks = windows.Blocks(jnp.array([[2, 0, 3]]), jnp.array([[[1.0, 0.0, 1.0]]]))
    plain = word2vec.skip_gram(OBJECTIVE)

    @jax.jit
    def both(params):
        vectors = {"input": of_words(params, WORDS), "output": params["output"]}
        theirs = word2vec.step(plain, vectors, blocks, KEY, 0.3)["input"][0] - vectors["input"][0]
        return theirs, word2vec.step(METHOD, params, blocks, KEY, 0.3)

    theirs, after = jax.device_get(both(params))
    distinct = NGRAMS[0][MASK[0] > 0]
    once = [b for b in distinct if (distinct == b).sum() == 1]
    moved = (after["input"] - params["input"])[np.array([0, *(V + b for b in once)])]
    assert np.abs(theirs).max() > 0.01
    np.testing.assert_allclose(moved, np.tile(theirs, (len(moved), 1)), rtol=1e-4, atol=1e-6)


def test_an_unseen_word_is_near_to_the_words_of_its_stem():
    """Two topics whose words share a stem; the unseen words share nothing else with them."""
    seen, unseen = ["reading", "reader", "waters", "watered"], ["readable", "waterfall"]
    rng = np.random.default_rng(1)
    corpus = windows.corpus([rng.integers(2, size=8) + 2 * (n % 2) for n in range(200)], 4)
    objective = word2vec.negative_sampling(np.full(4, 0.25))
    method = fasttext.skip_gram(objective, *ngram_ids(seen, 500), 500)
    plan = word2vec.Plan(window=2, length=4, blocks=2)
    rates = np.full(plan.steps(len(corpus.words)), 0.05, np.float32)
    params = jax.jit(lambda key: word2vec.vectors(key, method, 4 + 500, 8))(KEY)
    run = jax.jit(functools.partial(word2vec.epoch, method, plan))
    for number in range(3):
        keep = np.ones(4, np.float32)
        params = run(params, corpus, keep, jax.random.fold_in(KEY, number), rates)
    numbers = jnp.array([0, 1, 2, 3, UNSEEN, UNSEEN])
    ids, mask = ngram_ids(seen + unseen, 500)

    @jax.jit
    def search(params):
        found = FastText(4, 500, 8).apply(fasttext.variables(params, 4), numbers, ids, mask)
        return similarity.nearest(found[:4], found[4:], 4)

    cosines, nearest = jax.device_get(search(params))
    assert np.sort(nearest[:, :2], axis=1).tolist() == [[0, 1], [2, 3]]
    assert (cosines[:, 1] > 0.3 + cosines[:, 2]).all()


def test_a_reader_gives_the_vectors_of_the_model(params):
    words = ["water", "watering"]
    ids, mask = ngram_ids(words, BUCKETS)
    numbers = jnp.array([WORDS.index("water"), UNSEEN])

    @jax.jit
    def both(params):
        return fasttext.reader(params, V)(numbers, ids, mask), of_words(params, words)

    np.testing.assert_array_equal(*both(params))
