"""GloVe against its formula in NumPy, written pair by pair, and against an exact solution."""

import jax
import numpy as np
import optax
from scipy import sparse

from jaxdl import train
from jaxdl.word_vectors import cooccurrence, glove

V, D = 6, 4
RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


def by_hand(params, batch, x_max, power):
    """The mean of the weighted squares and its gradient, pair by pair, in float64."""
    params = {name: np.asarray(leaf, np.float64) for name, leaf in params.items()}
    gradient = {name: np.zeros_like(leaf) for name, leaf in params.items()}
    total, there = 0.0, batch["mask"].sum()
    columns = (batch[name] for name in ("row", "column", "count", "mask"))
    for i, j, x, m in zip(*columns, strict=True):
        if not m:
            continue
        f = min(1.0, (x / x_max) ** power) * m / there
        w, out = params["input"][i], params["output"][j]
        error = w @ out + params["input_bias"][i] + params["output_bias"][j] - np.log(x)
        total += f * error**2
        gradient["input"][i] += 2 * f * error * out
        gradient["output"][j] += 2 * f * error * w
        gradient["input_bias"][i] += 2 * f * error
        gradient["output_bias"][j] += 2 * f * error
    return total, gradient


def test_loss_and_gradient_by_hand():
    batch = {
        "row": RNG.integers(V, size=9),
        "column": RNG.integers(V, size=9),
        "count": np.array([0.5, 1, 3, 7, 10, 11, 40, 0, 2], np.float32),
        "mask": np.array([1, 1, 1, 1, 1, 1, 2, 0, 1], np.float32),
    }
    task = glove.glove(V, D, x_max=10.0, power=0.6)

    @jax.jit
    def run(batch):
        params, state = task.init(KEY, batch)
        params = jax.tree.map(lambda leaf: leaf + 0.3, params)
        value = jax.value_and_grad(lambda p: task.loss(p, state, batch, KEY, train=True)[0])(params)
        return params, value, glove.vectors(params)

    params, (loss, gradient), vectors = jax.device_get(run(batch))
    expected, of = by_hand(params, batch, 10.0, 0.6)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    for name in of:
        np.testing.assert_allclose(gradient[name], of[name], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(vectors, params["input"] + params["output"])


def test_counts_of_low_rank_are_met_exactly():
    hidden = RNG.normal(size=(2, V, 2))
    dense = np.exp(hidden[0] @ hidden[1].T)
    pairs = glove.pairs(sparse.coo_array(dense))
    assert {name: array.dtype for name, array in pairs.items()} == {
        "row": np.int32, "column": np.int32, "count": np.float32,
    }  # fmt: skip
    task = glove.glove(V, D, x_max=1.0)
    tx = optax.adam(optax.cosine_decay_schedule(0.05, 1500))

    @jax.jit
    def run(pairs):
        end = train.fit_scan(task, tx, KEY, pairs, steps=1500, batch_size=V * V)
        return task.predict(end.params, {}, pairs)

    found = run(pairs)
    np.testing.assert_allclose(found, np.log(pairs["count"]), atol=0.02)


def test_pairs_of_a_text():
    counts = cooccurrence.near([np.array([0, 1, 2])], 3, window=2)
    found = glove.pairs(counts)
    back = np.zeros((3, 3))
    back[found["row"], found["column"]] = found["count"]
    np.testing.assert_allclose(back, [[0, 1, 0.5], [1, 0, 1], [0.5, 1, 0]])
