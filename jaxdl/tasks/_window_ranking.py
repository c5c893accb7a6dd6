"""A window of text against one whose middle is another word: Collobert & Weston 2008.

https://doi.org/10.1145/1390156.1390177; Collobert et al. 2011, section 4,
https://jmlr.org/papers/v12/collobert11a.html. No probabilities, so no sum over the vocabulary.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl import metrics
from jaxdl.losses import margin_ranking
from jaxdl.tasks._examples import ratio, weights
from jaxdl.tasks.networks import Model, network
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def window_ranking(model: Model, vocabulary: int, margin: ArrayLike = 1.0) -> Task:
    """Mean of max(0, m − f(window) + f(window with another word in its middle)).

    model: scores `[B]` or `[B, 1]` of windows of ids `[B, W]`, W odd. The other word is drawn for
    each window by the key, uniformly among the vocabulary's other V − 1 words.
    Batches are `{"x": [B, W], "mask": [B] (optional)}`. Reports `loss` and `accuracy`, the share of
    windows with a higher score than their corruption. `predict` gives the scores `[B]`.
    Raises ValueError for an even W, or a vocabulary of fewer than two words.
    """
    if vocabulary < 2:
        raise ValueError(f"a vocabulary of {vocabulary} has no other word")

    net = network(model)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return net.init(key, batch["x"])

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        word_key, model_key = jax.random.split(key)
        true = jnp.asarray(batch["x"])
        both = jnp.concatenate([true, corrupted(word_key, true, vocabulary)])
        outputs, model_state = net.apply(params, model_state, both, key=model_key, train=train)
        preferred, other = outputs.reshape(2, len(true))
        examples = weights(batch)
        losses = margin_ranking(preferred, other, margin)
        reported = {
            "loss": metrics.mean(losses, examples),
            "accuracy": metrics.mean(preferred > other, examples),
        }
        return ratio(*reported["loss"]), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        x = jnp.asarray(batch["x"])
        return net.apply(params, model_state, x, train=False)[0].reshape(len(x))

    return Task(init, objective, predict)


def corrupted(key: Array, windows: Array, vocabulary: int) -> Array:
    """Windows `[B, W]` with another word in the middle, uniform among those that were not there.

    Raises ValueError for an even W, which has no middle.
    """
    size = windows.shape[1]
    if size % 2 == 0:
        raise ValueError(f"a window of {size} words has none in its middle")
    windows = jnp.asarray(windows)
    centre = windows[:, size // 2]
    # One of the V − 1 steps around the circle of all words that do not come back.
    step = jax.random.randint(key, centre.shape, 1, vocabulary)
    return windows.at[:, size // 2].set((centre + step) % vocabulary)
