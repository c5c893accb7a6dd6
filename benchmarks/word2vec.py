"""Words per second of word2vec, and the loss on held-out pairs, against gensim on the same cores.

Both train as many epochs on the same documentation text with the same settings; words are those of
the corpus, before subsampling. Ours is compiled before, and its sampling is inside the measurement.
How many words or nodes a step shares, its blocks and the parts of an epoch differ by case: speed on
a first part of the text chose them, and the loss that they cost stands beside the speed. Beside the
loss stand the nearest words that both share, and the share of analogies that each finds.
"""

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType

from benchmarks import harness
from benchmarks.harness import Row
from benchmarks.peers import gensim_word2vec as peer
from jaxdl import similarity
from jaxdl.data.sources import documents, inflections
from jaxdl.data.text import tokenizers
from jaxdl.types import Array
from jaxdl.word_vectors import huffman, shards, windows, word2vec
from jaxdl.word_vectors.word2vec import Method, Objective, Plan

if TYPE_CHECKING:
    from gensim.models import Word2Vec

DIMENSIONS, MIN_COUNT, FREQUENT, EPOCHS, WINDOW = 100, 5, 1000, 5, 5
FORMS = 3000
"""Of the most frequent words, those whose inflections are asked for and among which they are."""


class Case(NamedTuple):
    """How both train, and the least ratio of their speeds.

    predictor: `word2vec.skip_gram` or `cbow`. tree: by a Huffman tree, or else by negative
    sampling. shared: noise words of a step, or nodes of the tree that all of it reads. parts: of an
    epoch, after each of which the devices merge their tables.
    """

    predictor: Callable[[Objective], Method]
    tree: bool
    target: float
    plan: Plan = Plan(WINDOW)
    shared: int = 64
    parts: int = 4

    @property
    def rate(self) -> float:
        """Of the first step: that of CBOW's mean is some 2·window times as large, see `cbow`."""
        return 0.025 if self.predictor is word2vec.skip_gram else 0.15

    def settings(self) -> dict[str, int]:
        """The same for gensim."""
        skip_gram = self.predictor is word2vec.skip_gram
        return {"sg": int(skip_gram), "hs": int(self.tree), "negative": 0 if self.tree else 5}

    def method(self, counts: np.ndarray, shared: int, tree: huffman.Tree | None = None) -> Method:
        """With a tree of its own unless one is given."""
        if self.tree:
            tree = tree or huffman.tree(counts)
            return self.predictor(word2vec.hierarchical_softmax(tree, shared))
        noise = windows.noise_probabilities(counts)
        return self.predictor(word2vec.negative_sampling(noise, shared=shared))


CASES = {
    "skip-gram, 5 negatives": Case(predictor=word2vec.skip_gram, tree=False, target=1.2, parts=16),
    "CBOW, 5 negatives": Case(
        predictor=word2vec.cbow,
        tree=False,
        target=1.2,
        plan=Plan(WINDOW, blocks=16),
        shared=32,
        parts=2,
    ),
    "skip-gram, Huffman tree": Case(predictor=word2vec.skip_gram, tree=True, target=0.6),
    "CBOW, Huffman tree": Case(
        predictor=word2vec.cbow, tree=True, target=0.6, plan=Plan(WINDOW, blocks=16), shared=32
    ),
}


class Text(NamedTuple):
    """Words from the most frequent on, their counts, sentences to train on and held-out ones."""

    words: list[str]
    counts: np.ndarray
    train: list[np.ndarray]
    held_out: list[np.ndarray]

    @property
    def size(self) -> int:
        """Words to train on."""
        return sum(map(len, self.train))


def text(quick: bool) -> Text:
    """Paragraphs of docstrings, those of every twentieth held out, in words that occur 5 times."""
    found = documents.docstrings()
    paragraphs = [p for document in found for p in documents.paragraphs(document)]
    paragraphs = paragraphs[:: 20 if quick else 1]
    sentences = [[w for w in tokenizers.words(p) if w[0].isalpha()] for p in paragraphs]
    training = (s for number, s in enumerate(sentences) if number % 20)
    counted = Counter(word for sentence in training for word in sentence).most_common()
    words = [word for word, count in counted if count >= MIN_COUNT]
    ids = {word: number for number, word in enumerate(words)}
    encoded = [np.array([ids[w] for w in s if w in ids], np.int32) for s in sentences]
    train = [s for number, s in enumerate(encoded) if number % 20 and len(s) > 1]
    # Ours draws its blocks in random order, gensim takes sentences as they come.
    np.random.default_rng(0).shuffle(train)
    counts = np.bincount(np.concatenate(train), minlength=len(words))
    return Text(words, counts, train, encoded[::20])


class Ours:
    """A compiled epoch on all cores, and the vectors so far."""

    def __init__(self, case: Case, text: Text, epochs: int) -> None:
        method, size = case.method(text.counts, case.shared), len(text.words)
        devices = jax.local_devices()
        mesh = jax.make_mesh(
            (len(devices),), ("core",), devices=devices, axis_types=(AxisType.Auto,)
        )
        everywhere = functools.partial(jax.device_put, device=jax.NamedSharding(mesh, jax.P()))
        keep = windows.keep_probabilities(text.counts)
        corpora = shards.corpora(text.train, size, len(devices), case.parts)
        steps = shards.steps(case.plan, corpora, keep)
        shape = (epochs, len(corpora.words), steps)
        falling = case.rate * (1 - np.arange(np.prod(shape)) / np.prod(shape))
        self.start = lambda: everywhere(
            word2vec.vectors(jax.random.key(0), method, size, DIMENSIONS)
        )
        self.rates = list(everywhere(jnp.asarray(falling.reshape(shape), jnp.float32)))
        self.keys = list(everywhere(jax.random.split(jax.random.key(1), epochs)))
        of_devices = jax.device_put(corpora, jax.NamedSharding(mesh, jax.P(None, "core")))
        self.data = of_devices, everywhere(keep)
        epoch = functools.partial(shards.epoch, method, case.plan, mesh)
        first = (self.start(), *self.data, self.keys[0], self.rates[0])
        self.epoch = jax.jit(epoch, donate_argnums=0).lower(*first).compile()

    def train(self) -> None:
        """All epochs from the start."""
        self.params = self.start()
        for key, rates in zip(self.keys, self.rates, strict=True):
            self.params = self.epoch(self.params, *self.data, key, rates)
        jax.block_until_ready(self.params)


def held_out_loss(
    method: Method, input: Array | np.ndarray, output: Array | np.ndarray, text: Text
) -> float:
    """Mean loss of a prediction in held-out text, in nats.

    Words and noise are drawn as in training, by one key for all who are compared.
    """
    corpus = windows.corpus(text.held_out, len(text.words))
    keep, size, length = windows.keep_probabilities(text.counts), 4096, 32
    kept = windows.subsample(jax.random.key(2), corpus, jnp.asarray(keep), size)
    starts = jnp.arange(0, size, length)
    laid = windows.padded(kept, WINDOW, size)
    blocks = windows.blocks(jax.random.key(3), laid, starts, length, WINDOW)
    task = word2vec.word2vec(method, len(text.words), DIMENSIONS)
    batch = {"x": blocks.words, "near": blocks.near}

    params = {"input": jnp.asarray(input), "output": jnp.asarray(output)}
    loss = jax.jit(functools.partial(task.loss, train=False))
    return float(loss(params, {}, batch, jax.random.key(4))[0])


def solved(table: Array | np.ndarray, asked: np.ndarray) -> float:
    """Share of the analogies whose last word is the nearest to what the other three say."""
    _, found = similarity.analogy(jnp.asarray(table[:FORMS]), *jnp.asarray(asked[:, :3].T))
    return float(np.mean(np.asarray(found)[:, 0] == asked[:, 3]))


def overlap(ours: Array | np.ndarray, theirs: Array | np.ndarray) -> float:
    """Share of the 10 nearest of each frequent word that both find among the frequent words."""
    frequent = [jnp.asarray(table[:FREQUENT]) for table in (ours, theirs)]
    own = jnp.arange(len(frequent[0]))[:, None]
    found = [np.asarray(similarity.nearest(t, t, 10, own)[1]) for t in frequent]
    return float(np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(*found, strict=True)]))


def compare(name: str, case: Case, found: Text, epochs: int, repeats: int) -> list[Row]:
    """Speed and quality."""
    ours = Ours(case, found, epochs)
    sentences = [[found.words[word] for word in sentence] for sentence in found.train]
    counts = dict(zip(found.words, map(int, found.counts), strict=True))
    settings = {"vector_size": DIMENSIONS, "window": WINDOW, **case.settings()}
    theirs = {}

    def reference() -> float:
        theirs["model"] = peer.model(counts, len(sentences), epochs, **settings)
        return harness.seconds(lambda: peer.train(theirs["model"], sentences))

    mine, other = harness.alternate(repeats, lambda: harness.seconds(ours.train), reference)
    words = epochs * found.size / 1e6
    note = (
        f"{found.size / 1e6:.2f} million words, {len(found.words)} different ones, {epochs} epochs,"
        f" {DIMENSIONS} dimensions, window {WINDOW}; ours {harness.spread(mine)} s on"
        f" {len(jax.local_devices())} devices, theirs {harness.spread(other)} s on"
        f" {theirs['model'].workers} workers"
    )
    against = f"gensim, {theirs['model'].workers} workers"
    ratio = other.median / mine.median
    speeds = words / mine.median, words / other.median
    speed = Row(name, *speeds, against, "million words/s", ratio, case.target, note)
    return [speed, quality(name, case, found, ours.params, theirs["model"], against)]


def quality(
    name: str, case: Case, found: Text, params: Mapping[str, Any], model: "Word2Vec", against: str
) -> Row:
    """The loss on held-out pairs, each with its own tree."""
    params = jax.device_get(params)
    table, output, tree = peer.trained(model, found.words)
    exact = functools.partial(case.method, found.counts, case.shared if case.tree else 16_384)
    mine = held_out_loss(exact(), params["input"], params["output"], found)
    other = held_out_loss(exact(tree), table, output, found)
    asked = inflections.analogies(found.words[:FORMS])
    shares = [f"{solved(each, asked):.0%}" for each in (params["input"], table)]
    note = (
        f"{overlap(params['input'], table):.0%} of the 10 nearest of each of the {FREQUENT} most"
        f" frequent words are the same; {shares[0]} against {shares[1]} of {len(asked)} analogies"
        " of inflected words are solved"
    )
    case_name = f"{name}: loss of a held-out pair"
    return Row(case_name, mine, other, against, "nats", other / mine, 0.99, note)


def measure(quick: bool) -> list[Row]:
    """Of every method a row of speed and one of quality."""
    try:
        import gensim  # noqa: F401
    except ImportError:
        print("gensim is missing: the rows of word2vec are left out", flush=True)
        return []
    found = text(quick)
    epochs, repeats = (1, 1) if quick else (EPOCHS, 3)
    return [
        row for name, case in CASES.items() for row in compare(name, case, found, epochs, repeats)
    ]


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
