"""Word vectors as a trial of a sweep: one epoch per segment, the rate decays to zero."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.sweep.run import Data, Run
from jaxdl.types import Array, PyTree, TrainState
from jaxdl.word_vectors import windows, word2vec
from jaxdl.word_vectors.indexing import Indexed
from jaxdl.word_vectors.windows import Corpus


def skip_gram_vectors(
    sentences: Sequence[np.ndarray],
    size: int,
    dimensions: int,
    *,
    epochs: int,
    learning_rate: float = 0.05,
) -> np.ndarray:
    """Word vectors `[V, D]` by skip-gram with 5 negatives, the rate falling to zero.

    sentences: ids `[T]` below V = `size`. Always the same vectors for the same sentences.
    """
    counts = np.bincount(np.concatenate(sentences), minlength=size)
    keep = windows.keep_probabilities(counts)
    corpus = windows.corpus(sentences, size)
    noise = windows.noise_probabilities(counts)
    method, sizes = word2vec.skip_gram(word2vec.negative_sampling(noise)), word2vec.Plan()
    steps = sizes.steps(windows.kept_at_most(np.asarray(corpus.words), keep))

    @jax.jit
    def epoch(params: PyTree, corpus: PyTree, keep: Array, key: Array, rates: Array) -> PyTree:
        return word2vec.epoch(method, sizes, params, corpus, keep, key, rates)

    params: PyTree = word2vec.vectors(jax.random.key(0), method, size, dimensions)
    rates = learning_rate * jnp.linspace(1, 0, epochs * steps, endpoint=False)
    for number, some in enumerate(rates.reshape(epochs, steps)):
        params = epoch(params, corpus, keep, jax.random.key(number + 1), some)
    return np.asarray(params["input"])


def data_of(read: Indexed) -> dict[str, Any]:
    """What `word_vectors` is trained on: the words of documents, and their chances to be kept."""
    corpus = windows.corpus(read.ids, len(read.words))
    return {"train": corpus._asdict(), "keep": windows.keep_probabilities(read.counts)}


def word_vectors(
    method: word2vec.Method,
    plan: word2vec.Plan,
    evaluate: Callable[[TrainState, Data], dict[str, Array]],
    *,
    size: int,
    dimensions: int,
    steps: int,
    epochs: int,
) -> Run:
    """The run that trains by `word2vec.epoch`, a segment each of `epochs`, of `steps` steps.

    size: rows of the input table. evaluate: `(state, data) -> {name: scalar}`.
    Data: `train` has the fields of a `windows.Corpus`, `keep` the chances of `word2vec.epoch`. The
    hyperparameter `learning_rate` is that of the first step. The curve is the largest number in the
    input table.
    """

    def init(hparams: PyTree, key: Array, data: Data) -> TrainState:
        first, key = jax.random.split(key)
        params = word2vec.vectors(first, method, size, dimensions)
        return TrainState(jnp.zeros((), jnp.int32), key, params, {}, ())

    def advance(
        hparams: PyTree, state: TrainState, data: Data
    ) -> tuple[TrainState, dict[str, Array]]:
        done = state.step + jnp.arange(steps)
        rates = hparams["learning_rate"] * (1 - done / (epochs * steps))
        key = jax.random.fold_in(state.key, state.step)
        corpus = Corpus(**data["train"])
        params = word2vec.epoch(method, plan, state.params, corpus, data["keep"], key, rates)
        state = state._replace(step=state.step + steps, params=params)
        return state, {"largest": jnp.abs(params["input"]).max()[None]}

    return Run(init, advance, lambda hparams, state, data: evaluate(state, data))
