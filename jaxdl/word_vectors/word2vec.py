"""Vectors of words from the words around them: Mikolov et al. 2013.

https://arxiv.org/abs/1301.3781 (skip-gram, CBOW), https://arxiv.org/abs/1310.4546 (negative
sampling, hierarchical softmax). A method is a predictor of an objective, such as
`skip_gram(negative_sampling(noise))`. It reads rows of two tables: `input` `[V, D]`, the word
vectors, and `output`. `word2vec` makes a task of it, for any optimizer; `step` and `epoch` descend
in the rows that were read and leave the others alone, as the authors' program does.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl.ops.products import inner_products, weighted_sums
from jaxdl.tasks._examples import ratio, weights, zeroed
from jaxdl.types import Array, Batch, Metrics, PyTree, Task
from jaxdl.word_vectors import huffman, windows
from jaxdl.word_vectors.huffman import Tree
from jaxdl.word_vectors.windows import Blocks, Corpus

LONGEST = 1.0
"""How far a row moves in a step at most; trained rows are a few units long."""
TOGETHER = 64
"""Steps that are drawn at once: alone, the draws of a step take as long as its products."""


class Objective(NamedTuple):
    """How a hidden vector predicts a word: M groups, in which each of A predicts each of B.

    rows: of the output table, for V words.
    select: `(targets [M, B], key) -> ids`, a tree of the rows that are read.
    loss: `(hidden [M, A, D], rows of these ids, targets [M, B], weights [M, A, B]) -> nats`,
        summed.
    """

    rows: Callable[[int], int]
    select: Callable[[Array, Array], PyTree]
    loss: Callable[[Array, PyTree, Array, Array], Array]


class Method(NamedTuple):
    """Which rows a batch reads, and the loss in those rows.

    rows: of the output table, for V words.
    select: `(blocks, key) -> (ids of input rows, ids of output rows)`.
    loss: `(input rows, output rows, blocks) -> nats`, summed over all predictions.
    predictions: `blocks -> their number`.
    """

    rows: Callable[[int], int]
    select: Callable[[Blocks, Array], tuple[Array, PyTree]]
    loss: Callable[[Array, PyTree, Blocks], Array]
    predictions: Callable[[Blocks], Array]


def skip_gram(objective: Objective) -> Method:
    """Each word predicts each of its neighbours."""

    def select(blocks: Blocks, key: Array) -> tuple[Array, PyTree]:
        return blocks.centres, objective.select(blocks.words, key)

    def loss(inputs: Array, outputs: PyTree, blocks: Blocks) -> Array:
        return objective.loss(inputs, outputs, blocks.words, blocks.near)

    return Method(objective.rows, select, loss, lambda blocks: blocks.near.sum())


def cbow(objective: Objective) -> Method:
    """The mean of its neighbours' vectors predicts a word, which counts if it has neighbours.

    The gradient is that of the mean: the authors' program leaves out its division by the number of
    neighbours, so its learning rates are some 2·window times smaller.
    """

    def select(blocks: Blocks, key: Array) -> tuple[Array, PyTree]:
        return blocks.words, objective.select(blocks.centres.reshape(-1, 1), key)

    def loss(inputs: Array, outputs: PyTree, blocks: Blocks) -> Array:
        number = blocks.near.sum(axis=2, keepdims=True)
        hidden = ratio(weighted_sums(blocks.near, inputs), number)
        single = hidden.reshape(-1, 1, hidden.shape[-1])
        present = (number > 0).astype(hidden.dtype).reshape(-1, 1, 1)
        return objective.loss(single, outputs, blocks.centres.reshape(-1, 1), present)

    def predictions(blocks: Blocks) -> Array:
        return (blocks.near.sum(axis=2) > 0).sum().astype(jnp.float32)

    return Method(objective.rows, select, loss, predictions)


def negative_sampling(noise: np.ndarray, negatives: int = 5, shared: int = 64) -> Objective:
    """−log σ(h·v_w) − k·E_{n∼P}[log σ(−h·v_n)]: words that stand there against noise.

    noise: P `[V]`, see `windows.noise_probabilities`; negatives: k. The expectation is estimated
    with `shared` draws for a whole batch, each of weight k / shared, which makes products of
    matrices of what would be k rows for every pair. A draw may be the word w itself.
    """
    sums = np.cumsum(noise, dtype=np.float64)
    # The last word that has a chance ends at 1, which no draw reaches.
    cumulated = jnp.asarray(sums / sums[-1], jnp.float32)

    def select(targets: Array, key: Array) -> PyTree:
        draws = jax.random.uniform(key, (shared,))
        return targets, jnp.searchsorted(cumulated, draws, side="right")

    def loss(hidden: Array, rows: PyTree, targets: Array, weights: Array) -> Array:
        positive, negative = rows
        flat = hidden.reshape(1, -1, hidden.shape[-1])
        each = weights.sum(axis=2).reshape(1, -1, 1) * (negatives / shared)
        true = softplus(-jnp.einsum("mad,mbd->mab", hidden, positive)) * weights
        return true.sum() + (softplus(inner_products(flat, negative[None])) * each).sum()

    return Objective(lambda vocabulary: vocabulary, select, loss)


def hierarchical_softmax(tree: Tree, upper: int = 64) -> Objective:
    """−log p(w | h), p = Π_l σ(sign_l · h·v_l) over the inner nodes l on the way to the word w.

    A probability costs O(log V), and those of all words add up to 1. The `upper` heaviest nodes,
    which are on most ways, are read once for a whole batch and make products of matrices.
    """
    upper = min(upper, len(tree.nodes) - 1)
    ways = huffman.split(tree, upper)
    turns, below, signs = map(jnp.asarray, ways)
    first = len(tree.nodes) - 1 - upper

    def select(targets: Array, key: Array) -> PyTree:
        return below[targets], jnp.arange(first, first + upper)

    def loss(hidden: Array, rows: PyTree, targets: Array, weights: Array) -> Array:
        low, high = rows
        groups, count, length, size = low.shape
        turn = signs[targets].reshape(groups, 1, count * length)
        logits = inner_products(hidden, low.reshape(groups, count * length, size))
        by_node = jnp.repeat(weights, length, axis=2) * jnp.abs(turn)
        nats = (softplus(-turn * logits) * by_node).sum()
        taken = turns[targets].astype(hidden.dtype)
        visits, lefts = weights @ jnp.abs(taken), weights @ jnp.maximum(taken, 0)
        logits = inner_products(hidden.reshape(1, -1, size), high[None]).reshape(visits.shape)
        return nats + (visits * softplus(logits) - lefts * logits).sum()

    return Objective(lambda vocabulary: vocabulary - 1, select, loss)


@jax.custom_jvp
def softplus(x: Array) -> Array:
    """log(1 + eˣ) = −log σ(−x); its derivative σ(x) is had without the value, a third faster."""
    return jax.nn.softplus(x)


@softplus.defjvp
def _softplus_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return softplus(*primals), jax.nn.sigmoid(*primals) * tangents[0]


def word2vec(method: Method, vocabulary: int, dimensions: int) -> Task:
    """The mean loss of a prediction, in nats.

    Batches are `{"x": [M, S], "near": [M, T, S], "mask": [M] (optional)}`, words and near as in
    `windows.Blocks`. The key draws the noise. `predict` gives the vectors of x, `[M, S, D]`.
    Forward mode (`jax.jvp`) is not defined for the loss, see `ops.products.inner_products`.
    """

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return vectors(key, method, vocabulary, dimensions), {}

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        present = weights(batch)
        near = zeroed(jnp.asarray(batch["near"], jnp.float32), present) * present[:, None, None]
        blocks = Blocks(jnp.asarray(batch["x"]), near)
        rows, others = _rows(params, method.select(blocks, key))
        nats, count = method.loss(rows, others, blocks), method.predictions(blocks)
        return ratio(nats, count), (model_state, {"loss": (nats, count)})

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return params["input"][jnp.asarray(batch["x"])]

    return Task(init, objective, predict)


def vectors(key: Array, method: Method, vocabulary: int, dimensions: int) -> dict[str, Array]:
    """Tables as the authors' program begins: input uniform in ±1/(2D), output zeros."""
    shape = (vocabulary, dimensions)
    first = jax.random.uniform(key, shape, minval=-0.5 / dimensions, maxval=0.5 / dimensions)
    return {"input": first, "output": jnp.zeros((method.rows(vocabulary), dimensions))}


def step(
    method: Method, params: PyTree, blocks: Blocks, key: Array, learning_rate: ArrayLike
) -> dict[str, Array]:
    """θ − η·∇(summed loss): gradient descent that touches only the rows that are read. Pure.

    The authors' program takes the predictions of a batch one after another, each from where the
    last one led; their sum from one place overshoots in a row that occurs often, and in a small
    vocabulary it grows without bound. So a row moves by at most `LONGEST`: where its changes are
    longer, summed without regard to direction, all are scaled down alike. At small rates nothing
    is, and summed and sequential steps agree to first order.
    """
    return _descended(method, params, blocks, method.select(blocks, key), learning_rate)


class Plan(NamedTuple):
    """Sizes of a step, static: `blocks` blocks of `length` centres. Larger steps are less exact."""

    window: int = 5
    length: int = 16
    blocks: int = 8

    def steps(self, words: int) -> int:
        """Steps in which `words` words are centres once."""
        return -(-words // (self.length * self.blocks))


def epoch(
    method: Method,
    plan: Plan,
    params: PyTree,
    corpus: Corpus,
    keep: Array,
    key: Array,
    learning_rates: Array,
) -> dict[str, Array]:
    """Each word that subsampling keeps is a centre once, blocks in random order. Pure: jit it.

    keep: chances `[V]`, see `windows.keep_probabilities`; learning_rates: one a step, `[steps]`,
    where steps is `plan.steps(windows.kept_at_most(words, keep))`; words beyond are left out.
    """
    steps = len(learning_rates)
    if not steps:
        return params
    size = steps * plan.blocks * plan.length
    kept_key, order_key, draw_key = jax.random.split(key, 3)
    kept = windows.subsample(kept_key, corpus, keep, size)
    laid = windows.padded(kept, plan.window, size)
    starts = jax.random.permutation(order_key, steps * plan.blocks) * plan.length
    chunks = -(-steps // TOGETHER)
    together = -(-steps // chunks)
    # Steps beyond have a rate of 0.
    beyond = chunks * together - steps
    starts = jnp.pad(starts, (0, beyond * plan.blocks)).reshape(chunks, together * plan.blocks)
    rates = jnp.pad(learning_rates, (0, beyond)).reshape(chunks, together)

    def chunk(params: PyTree, xs: tuple[Array, Array, Array]) -> tuple[PyTree, None]:
        key, starts, rates = xs
        keys = jax.random.split(key, 1 + together)
        drawn = windows.blocks(keys[0], laid, starts, plan.length, plan.window)
        blocks = jax.tree.map(lambda x: x.reshape(together, plan.blocks, *x.shape[1:]), drawn)
        ids = jax.vmap(method.select)(blocks, keys[1:])
        return jax.lax.scan(body, params, (blocks, ids, rates))[0], None

    def body(params: PyTree, xs: tuple[Blocks, tuple[Array, PyTree], Array]) -> tuple[PyTree, None]:
        return _descended(method, params, *xs), None

    xs = (jax.random.split(draw_key, chunks), starts, rates)
    return jax.lax.scan(chunk, params, xs)[0]


def _descended(
    method: Method, params: PyTree, blocks: Blocks, ids: tuple[Array, PyTree], rate: ArrayLike
) -> dict[str, Array]:
    gradients = jax.grad(method.loss, argnums=(0, 1))(*_rows(params, ids), blocks)
    return {
        name: _descend(params[name], which, slopes, rate)
        for name, which, slopes in zip(("input", "output"), ids, gradients, strict=True)
    }


def _rows(params: PyTree, ids: tuple[Array, PyTree]) -> tuple[Array, PyTree]:
    inputs, outputs = ids
    table = params["output"]
    return params["input"][inputs], jax.tree.map(lambda which: table[which], outputs)


def _descend(table: Array, ids: PyTree, gradients: PyTree, learning_rate: ArrayLike) -> Array:
    # Two scatters one after another would cost two copies of the table at every step of a scan.
    rows = jnp.concatenate([which.reshape(-1) for which in jax.tree.leaves(ids)])
    changes = [leaf.reshape(-1, table.shape[1]) for leaf in jax.tree.leaves(gradients)]
    norms = [jnp.sqrt(jnp.square(each).sum(axis=1)) for each in changes]
    lengths = learning_rate * jnp.concatenate(norms)
    way = jnp.zeros(len(table), lengths.dtype).at[rows].add(lengths)[rows]
    rates = learning_rate * LONGEST / jnp.maximum(way, LONGEST)
    parts = jnp.split(rates[:, None], np.cumsum([len(each) for each in changes])[:-1])
    moves = [-rate * each for rate, each in zip(parts, changes, strict=True)]
    return table.at[rows].add(jnp.concatenate(moves))
