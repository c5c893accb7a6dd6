"""Words per second of word2vec, and the loss on held-out pairs, against gensim on the same cores.

Both train as many epochs on the same documentation text with the same settings; words are those of
the corpus, before subsampling. Ours is compiled before, and its sampling is inside the measurement.
"""

import functools
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import harness
from benchmarks.harness import Row
from benchmarks.peers import gensim_word2vec as peer
from jaxdl import similarity
from jaxdl.data.sources import documents
from jaxdl.data.text import tokenizers
from jaxdl.types import Array
from jaxdl.word_vectors import huffman, windows, word2vec

if TYPE_CHECKING:
    from gensim.models import Word2Vec

DIMENSIONS, MIN_COUNT, FREQUENT, EPOCHS = 100, 5, 1000, 5
PLAN = word2vec.Plan(window=5)
METHODS = {
    "skip-gram, 5 negatives": (word2vec.skip_gram, 0.025, {"sg": 1, "negative": 5}, 1.0),
    "CBOW, 5 negatives": (word2vec.cbow, 0.15, {"sg": 0, "negative": 5}, None),
    "skip-gram, Huffman tree": (word2vec.skip_gram, 0.025, {"sg": 1, "hs": 1, "negative": 0}, None),
    "CBOW, Huffman tree": (word2vec.cbow, 0.15, {"sg": 0, "hs": 1, "negative": 0}, None),
}
"""Predictor, our first learning rate, gensim's settings, target; without one, a single epoch."""


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
    """A compiled epoch and the vectors so far."""

    def __init__(self, method: word2vec.Method, rate: float, text: Text, epochs: int) -> None:
        self.start = functools.partial(
            word2vec.vectors, jax.random.key(0), method, len(text.words), DIMENSIONS
        )
        self.keep = windows.keep_probabilities(text.counts)
        self.corpus = windows.corpus(text.train, len(text.words))
        steps = PLAN.steps(windows.kept_at_most(np.asarray(self.corpus.words), self.keep))
        falling = rate * (1 - np.arange(epochs * steps) / (epochs * steps))
        rates = jnp.asarray(falling.reshape(epochs, steps), jnp.float32)
        epoch = jax.jit(functools.partial(word2vec.epoch, method, PLAN), donate_argnums=0)
        self.keys = list(jax.random.split(jax.random.key(1), epochs))
        self.rates = list(rates)
        first = (self.start(), self.corpus, self.keep, self.keys[0], self.rates[0])
        self.epoch = epoch.lower(*first).compile()

    def train(self) -> None:
        """All epochs from the start."""
        self.params = self.start()
        for key, rates in zip(self.keys, self.rates, strict=True):
            self.params = self.epoch(self.params, self.corpus, self.keep, key, rates)
        jax.block_until_ready(self.params)


def expected_loss(tables: Mapping[str, Array | np.ndarray], text: Text) -> float:
    """Mean over held-out pairs of −log σ(c·o) − 5·E[log σ(−c·n)], exact in the noise, in nats.

    Pairs are drawn as in training, by one key for all who are compared.
    """
    keep, noise = (
        f(text.counts) for f in (windows.keep_probabilities, windows.noise_probabilities)
    )
    corpus = windows.corpus(text.held_out, len(text.words))
    size, window = 4096, PLAN.window
    kept = windows.subsample(jax.random.key(2), corpus, jnp.asarray(keep), size)
    laid = windows.padded(kept, window, size)
    starts = jnp.arange(0, size, 32)
    blocks = windows.blocks(jax.random.key(3), laid, starts, 32, window)

    @jax.jit
    def mean(input: Array, output: Array) -> Array:
        hidden = input[blocks.centres]
        logits = jnp.einsum("mtd,msd->mts", hidden, output[blocks.words])
        against = jax.nn.softplus(hidden @ output.T) @ noise
        near = blocks.near
        return (near * (jax.nn.softplus(-logits) + 5 * against[..., None])).sum() / near.sum()

    return float(mean(jnp.asarray(tables["input"]), jnp.asarray(tables["output"])))


def overlap(ours: Array | np.ndarray, theirs: Array | np.ndarray) -> float:
    """Share of the 10 nearest of each frequent word that both find among the frequent words."""
    frequent = [jnp.asarray(table[:FREQUENT]) for table in (ours, theirs)]
    own = jnp.arange(len(frequent[0]))[:, None]
    found = [np.asarray(similarity.nearest(t, t, 10, own)[1]) for t in frequent]
    return float(np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(*found, strict=True)]))


def compare(name: str, found: Text, epochs: int, repeats: int) -> list[Row]:
    """Speed, and for skip-gram with noise the quality."""
    predictor, rate, settings, target = METHODS[name]
    negative = settings["negative"] > 0
    objective = (
        word2vec.negative_sampling(windows.noise_probabilities(found.counts))
        if negative
        else word2vec.hierarchical_softmax(huffman.tree(found.counts))
    )
    ours = Ours(predictor(objective), rate, found, epochs)
    sentences = [[found.words[word] for word in sentence] for sentence in found.train]
    counts = dict(zip(found.words, map(int, found.counts), strict=True))
    theirs = {}

    def reference() -> float:
        theirs["model"] = peer.model(
            counts, len(sentences), epochs, vector_size=DIMENSIONS, window=PLAN.window, **settings
        )
        return harness.seconds(lambda: peer.train(theirs["model"], sentences))

    mine, other = harness.alternate(repeats, lambda: harness.seconds(ours.train), reference)
    words = epochs * found.size / 1e6
    note = (
        f"{found.size / 1e6:.2f} million words, {len(found.words)} different ones, {epochs} epochs,"
        f" {DIMENSIONS} dimensions, window {PLAN.window}; ours {harness.spread(mine)} s,"
        f" theirs {harness.spread(other)} s"
    )
    against = f"gensim, {peer.WORKERS} workers"
    ratio = other.median / mine.median
    speeds = words / mine.median, words / other.median
    rows = [Row(name, *speeds, against, "million words/s", ratio, target, note)]
    if name.startswith("skip-gram") and negative:
        rows += quality(name, found, ours.params, theirs["model"], against)
    return rows


def quality(
    name: str, found: Text, params: Mapping[str, Array], model: "Word2Vec", against: str
) -> list[Row]:
    """The loss on held-out pairs."""
    tables = peer.trained(model, found.words)._asdict()
    losses = expected_loss(params, found), expected_loss(tables, found)
    shared = overlap(params["input"], tables["input"])
    note = (
        f"{shared:.0%} of the 10 nearest of each of the {FREQUENT} most frequent words are the same"
    )
    case = f"{name}: loss of a held-out pair"
    return [Row(case, *losses, against, "nats", losses[1] / losses[0], 0.99, note)]


def measure(quick: bool) -> list[Row]:
    """One row a method, and one of quality."""
    try:
        import gensim  # noqa: F401
    except ImportError:
        print("gensim is missing: the rows of word2vec are left out", flush=True)
        return []
    found = text(quick)
    repeats = 1 if quick else 3
    return [
        row
        for name, (*_, target) in METHODS.items()
        for row in compare(name, found, 1 if quick or target is None else EPOCHS, repeats)
    ]


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
