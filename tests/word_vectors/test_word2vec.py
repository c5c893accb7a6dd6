import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.compiling import traced_once

from jaxdl import similarity
from jaxdl.word_vectors import huffman, windows, word2vec
from jaxdl.word_vectors.word2vec import Plan

KEY = jax.random.key(0)
V, D, WINDOW, LENGTH = 6, 4, 2, 3
COUNTS = np.array([9, 5, 4, 2, 1, 1])
NOISE = windows.noise_probabilities(COUNTS)
RNG = np.random.default_rng(0)
SENTENCES = [RNG.integers(V, size=size) for size in (5, 1, 4)]
CORPUS = windows.corpus(SENTENCES, V)
OBJECTIVES = {
    "negative": word2vec.negative_sampling(NOISE, negatives=5, shared=7),
    "tree": word2vec.hierarchical_softmax(huffman.tree(COUNTS)),
    "split_tree": word2vec.hierarchical_softmax(huffman.tree(COUNTS), upper=2),
}
METHODS = {
    f"{predictor.__name__}-{name}": predictor(objective)
    for predictor in (word2vec.skip_gram, word2vec.cbow)
    for name, objective in OBJECTIVES.items()
}
EVEN = np.ones(V, np.float32)
epoch = jax.jit(word2vec.epoch, static_argnums=(0, 1))
nearest = jax.jit(similarity.nearest, static_argnums=2)
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@pytest.fixture(scope="module")
def blocks():
    @jax.jit
    def cut(key):
        laid = windows.padded(CORPUS, WINDOW, 12)
        return windows.blocks(key, laid, jnp.arange(0, 12, LENGTH), LENGTH, WINDOW)

    return jax.device_get(cut(KEY))


def random_vectors(method):
    tables = jax.eval_shape(lambda: word2vec.vectors(KEY, method, V, D))
    return {k: RNG.normal(size=t.shape).astype(np.float32) for k, t in tables.items()}


def batch_of(blocks):
    return {"x": blocks.words, "near": blocks.near}


def predictions(name, blocks, table):
    """(hidden vector, word to predict) of each prediction, by loops."""
    words, near = np.asarray(blocks.words), np.asarray(blocks.near)
    for m, t in np.ndindex(near.shape[:2]):
        context = words[m, near[m, t] > 0]
        centre = words[m, t + WINDOW]
        if name == "skip_gram":
            yield from ((table[centre], word) for word in context)
        elif len(context):
            yield table[context].mean(axis=0), centre


def log_sigmoid(x):
    return -np.log1p(np.exp(-x))


@pytest.mark.parametrize("name", ["skip_gram", "cbow"])
def test_negative_sampling_is_the_formula(name, blocks):
    method = METHODS[f"{name}-negative"]
    params = random_vectors(method)
    tables = {k: np.asarray(table, np.float64) for k, table in params.items()}
    task = word2vec.word2vec(method, V, D)

    @jax.jit
    def run(params):
        (_, noise) = method.select(blocks, KEY)[1]
        loss, (_, metrics) = task.loss(params, {}, batch_of(blocks), KEY, train=True)
        return loss, metrics, noise

    loss, metrics, noise = jax.device_get(run(params))
    values = [
        -log_sigmoid(tables["output"][word] @ h)
        - 5 * np.mean([log_sigmoid(-tables["output"][n] @ h) for n in noise])
        for h, word in predictions(name, blocks, tables["input"])
    ]
    assert float(loss) == pytest.approx(np.mean(values), rel=1e-5)
    assert [float(part) for part in metrics["loss"]] == pytest.approx([sum(values), len(values)])


def tree_probability(tree, output, h, word):
    """Down from the root, by the branch taken at each node."""
    probability = 1.0
    for node, sign in zip(tree.nodes[word], tree.signs[word], strict=True):
        if sign:
            left = 1 / (1 + np.exp(-output[node] @ h))
            probability *= left if sign > 0 else 1 - left
    return probability


@pytest.mark.parametrize("objective", ["tree", "split_tree"])
@pytest.mark.parametrize("name", ["skip_gram", "cbow"])
def test_hierarchical_softmax_is_the_formula(name, objective, blocks):
    method = METHODS[f"{name}-{objective}"]
    params = random_vectors(method)
    tables = {k: np.asarray(table, np.float64) for k, table in params.items()}
    tree = huffman.tree(COUNTS)
    values = [
        -np.log(tree_probability(tree, tables["output"], h, word))
        for h, word in predictions(name, blocks, tables["input"])
    ]
    task = word2vec.word2vec(method, V, D)
    loss = jax.jit(lambda p: task.loss(p, {}, batch_of(blocks), KEY, train=True)[0])(params)
    assert float(loss) == pytest.approx(np.mean(values), rel=1e-5)


@pytest.mark.parametrize("upper", [0, 5, 128])
def test_the_probabilities_of_the_tree_add_up_to_one(upper):
    counts = RNG.zipf(1.5, size=50)
    objective = word2vec.hierarchical_softmax(huffman.tree(counts), upper)
    output = jnp.asarray(RNG.normal(size=(49, D)), jnp.float32)
    hidden = jnp.asarray(RNG.normal(size=(1, 1, D)), jnp.float32)

    @jax.jit
    @jax.vmap
    def nats(word):
        targets = word.reshape(1, 1)
        rows = jax.tree.map(lambda ids: output[ids], objective.select(targets, KEY))
        return objective.loss(hidden, rows, targets, jnp.ones((1, 1, 1)))

    probabilities = np.exp(-np.asarray(nats(np.arange(50))))
    assert float(probabilities.max()) < 0.9
    assert float(probabilities.sum()) == pytest.approx(1, abs=1e-5)


def test_shared_noise_gives_five_words_for_each_pair_in_expectation(blocks):
    method = METHODS["skip_gram-negative"]
    params = random_vectors(method)
    task = word2vec.word2vec(method, V, D)

    @jax.jit
    def drawn(params, keys):
        loss = lambda key: task.loss(params, {}, batch_of(blocks), key, train=True)[0]  # noqa: E731
        return jax.vmap(loss)(keys)

    losses = np.asarray(drawn(params, jax.random.split(KEY, 4000)))
    output = np.asarray(params["output"], np.float64)
    pairs = predictions("skip_gram", blocks, np.asarray(params["input"], np.float64))
    expected = np.mean(
        [-log_sigmoid(output[w] @ h) - 5 * NOISE @ log_sigmoid(-output @ h) for h, w in pairs]
    )
    error = 5 * float(losses.std()) / np.sqrt(4000)
    assert error < 0.1 * expected
    assert abs(float(losses.mean()) - expected) < error


def test_noise_is_drawn_as_often_as_it_says():
    noise = np.array([0.0, 0.5, 0.0, 0.2, 0.3, 0.0])
    objective = word2vec.negative_sampling(noise, shared=40_000)
    _, drawn = jax.jit(objective.select)(np.zeros((1, 1), np.int32), KEY)
    shares = np.bincount(drawn, minlength=V) / 40_000
    np.testing.assert_allclose(shares, noise, atol=5 * np.sqrt(0.25 / 40_000))
    assert not shares[noise == 0].any()


@every_method
def test_a_step_in_the_rows_is_a_step_of_dense_descent(method, blocks):
    params, rate = random_vectors(method), 1e-3
    task = word2vec.word2vec(method, V, D)

    @jax.jit
    def both(params):
        loss = lambda p: task.loss(p, {}, batch_of(blocks), KEY, train=True)[0]  # noqa: E731
        return jax.grad(loss)(params), word2vec.step(method, params, blocks, KEY, rate)

    gradient, stepped = jax.device_get(both(params))
    count = float(method.predictions(blocks))
    for name, table in params.items():
        expected = table - rate * count * gradient[name]
        np.testing.assert_allclose(stepped[name], expected, atol=2e-6)
        assert not np.allclose(stepped[name], table, atol=1e-3)


def test_a_row_moves_by_its_longest_way_at_most():
    """Word 0 is read twice, by changes of 0.75 north and 0.25 south; word 1 once, by 0.75."""

    def loss(inputs, outputs, blocks):
        along = jnp.array([[3.0, -1.0, 3.0]])
        return (inputs[..., 0] * along).sum() + (outputs[0] * 1.0).sum()

    method = METHODS["skip_gram-negative"]._replace(
        select=lambda blocks, key: (jnp.array([[0, 0, 1]]), (jnp.array([2]),)), loss=loss
    )
    zeros = {name: np.zeros((V, D), np.float32) for name in ("input", "output")}
    step = jax.jit(lambda zeros, rate: word2vec.step(method, zeros, None, KEY, rate))
    for rate, expected in ((0.25, [-0.5, -0.75]), (0.5, [-0.5, -1.0]), (8.0, [-0.5, -1.0])):
        found = jax.device_get(step(zeros, rate))
        np.testing.assert_allclose(found["input"][:2, 0], expected, rtol=1e-6)
        assert not found["input"][:, 1:].any()
        assert not found["input"][2:].any()
        np.testing.assert_allclose(found["output"][2], -min(rate, 0.5), rtol=1e-6)


@every_method
def test_padding_changes_neither_loss_nor_gradient(method, blocks):
    params = random_vectors(method)
    task = word2vec.word2vec(method, V, D)
    batch = batch_of(blocks)
    padded = {k: np.concatenate([v, v[:1] * 0 + 1]) for k, v in batch.items()}
    padded["near"][-1] = np.nan
    padded["mask"] = np.array([1.0] * len(blocks.words) + [0.0], np.float32)

    @jax.jit
    def both(*batches):
        loss = lambda p, batch: task.loss(p, {}, batch, KEY, train=True)[0]  # noqa: E731
        return [jax.value_and_grad(loss)(params, batch) for batch in batches]

    for a, b in zip(*map(jax.tree.leaves, both(padded, batch)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sizes", [(5, 1, 4), (70, 1, 59)], ids=["few steps", "many steps"])
def test_an_epoch_has_every_pair_once(sizes):
    """A loss of one for every neighbour of a word, whose gradient counts them; radii are all 1."""

    def loss(inputs, outputs, blocks):
        return (inputs[..., 0] * blocks.near.sum(axis=2)).sum()

    sentences = [RNG.integers(V, size=size) for size in sizes]
    corpus = windows.corpus(sentences, V)
    method = METHODS["skip_gram-negative"]._replace(loss=loss)
    plan = Plan(window=1, length=2, blocks=1)
    params = {name: np.zeros((V, D), np.float32) for name in ("input", "output")}
    rates = np.full(plan.steps(len(corpus.words)), 2.0**-6, np.float32)
    found = 64 * np.asarray(epoch(method, plan, params, corpus, EVEN, KEY, rates)["input"])
    expected = np.zeros(V)
    for sentence in sentences:
        for place, word in enumerate(sentence):
            expected[word] += (place > 0) + (place < len(sentence) - 1)
    np.testing.assert_array_equal(-found[:, 0], expected)


def test_an_epoch_without_steps_leaves_the_tables_as_they_are():
    method = METHODS["cbow-negative"]
    params = random_vectors(method)
    after = epoch(method, Plan(), params, CORPUS, EVEN, KEY, np.zeros(0, np.float32))
    for name, table in params.items():
        np.testing.assert_array_equal(after[name], table)


def test_words_that_subsampling_drops_are_never_centres():
    method = METHODS["skip_gram-negative"]
    params, plan = random_vectors(method), Plan(window=2, length=2, blocks=2)
    keep = np.where(np.arange(V) == 2, 0, EVEN)
    rates = np.full(plan.steps(len(CORPUS.words)), 0.1, np.float32)
    after = np.asarray(epoch(method, plan, params, CORPUS, keep, KEY, rates)["input"])
    moved = np.abs(after - params["input"]).max(axis=1) > 0
    assert moved.tolist() == [word in CORPUS.words and word != 2 for word in range(V)]


@every_method
def test_words_of_one_topic_come_together(method):
    """Sentences of words 0–2 or of words 3–5: each word's nearest are those of its topic."""
    rng = np.random.default_rng(1)
    sentences = [rng.integers(3, size=8) + 3 * (number % 2) for number in range(200)]
    corpus = windows.corpus(sentences, V)
    plan = Plan(window=2, length=4, blocks=2)
    rates = np.full(plan.steps(len(corpus.words)), 0.05, np.float32)
    run = traced_once(functools.partial(word2vec.epoch, method, plan))
    params = word2vec.vectors(KEY, method, V, D)
    for number in range(3):
        key = jax.random.fold_in(KEY, number)
        params = run(params, corpus, EVEN, key, rates)
    own = np.arange(V)[:, None]
    _, found = nearest(params["input"], params["input"], 2, own)
    assert (np.sort(found, axis=1) == [[1, 2], [0, 2], [0, 1], [4, 5], [3, 5], [3, 4]]).all()


@pytest.mark.parametrize("size", [1, 16])
def test_a_small_vocabulary_is_learned_as_well_as_by_one_word_at_a_time(size):
    """At the defaults, where a step has each of these words 8 to 128 times."""
    rng = np.random.default_rng(size)
    likely = rng.dirichlet(np.full(size, 0.5), size=size)
    sentences = []
    for _ in range(20):
        words = [0]
        for _ in range(49):
            words.append(rng.choice(size, p=likely[words[-1]]))
        sentences.append(np.array(words))
    corpus = windows.corpus(sentences, size)
    noise = windows.noise_probabilities(np.bincount(np.concatenate(sentences), minlength=size))
    method = word2vec.skip_gram(word2vec.negative_sampling(noise))
    first = word2vec.vectors(KEY, method, size, 20)

    def trained(plan):
        steps = plan.steps(len(corpus.words))
        rates = 0.025 * (1 - jnp.arange(5 * steps).reshape(5, steps) / (5 * steps))

        def epoch(params, xs):
            return word2vec.epoch(method, plan, params, corpus, jnp.ones(size), *xs), None

        return jax.lax.scan(epoch, first, (jax.random.split(KEY, 5), rates))[0]

    @jax.jit
    def losses():
        laid = windows.padded(corpus, 5, 1008)
        blocks = windows.blocks(KEY, laid, jnp.arange(0, 1008, 16), 16, 5)
        task = word2vec.word2vec(
            word2vec.skip_gram(word2vec.negative_sampling(noise, shared=4096)), size, 20
        )
        plans = (Plan(), Plan(length=1, blocks=1))
        return [
            task.loss(params, {}, batch_of(blocks), KEY, train=False)[0]
            for params in (first, *map(trained, plans))
        ]

    untrained, ours, one_by_one = map(float, losses())
    assert one_by_one < 0.8 * untrained
    assert ours == pytest.approx(one_by_one, rel=0.01)


def test_softplus_and_its_derivative_are_finite_everywhere():
    x = np.array([-200.0, -3.0, 0.0, 3.0, 200.0])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(word2vec.softplus)))(x)
    np.testing.assert_allclose(values, np.logaddexp(x, 0.0), rtol=1e-6, atol=1e-30)
    sigmoid = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(slopes, sigmoid, rtol=1e-6, atol=1e-30)


def test_vectors_begin_as_in_the_authors_program():
    tables = jax.device_get(word2vec.vectors(KEY, METHODS["skip_gram-tree"], V, D))
    assert tables["output"].shape == (V - 1, D)
    assert not tables["output"].any()
    assert np.abs(tables["input"]).max() <= 0.5 / D
