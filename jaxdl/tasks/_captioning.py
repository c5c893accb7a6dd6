"""Words for a picture, each given those before it: cross-entropy with teacher forcing."""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from jaxdl import losses, metrics
from jaxdl.tasks import linen
from jaxdl.tasks._examples import ratio, weights, zeroed
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def captioning(
    model: nn.Module,
    padding: int = 0,
    looks: Callable[[Array, Batch, Array], Metrics] | None = None,
) -> Task:
    """The mean over words of −log p(word | picture, words before it), in nats.

    model: `model(x, words [B, T], train=...) -> (logits [B, T, V], attention)`.
    padding: id of the words after the end, which count for nothing.
    looks: `(attention [B, T, P], batch, weights [B]) -> {name: (sum, weight)}`, reported beside the
        others: where the model looked before each word.
    Batches are `{"x": [B, H, W, C], "y": [B, T + 1], "mask": [B] (optional)}`, y from the start
    word on. Reports `loss` and `accuracy`, per word, and `exact`, the share of captions of which
    every word is right: those, and only those, are what greedy decoding gives word by word.
    `predict` gives the logits and the attention under teacher forcing.
    """

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return linen.init(model, key, batch["x"], _shifted(batch["y"])[0])

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        examples = weights(batch)
        x = zeroed(batch["x"], examples)
        before, after = _shifted(batch["y"])
        (logits, attention), model_state = linen.apply(
            model, params, model_state, x, before, key=key, train=train
        )
        real = (after != padding) * examples[:, None]
        nats, words = metrics.mean(losses.softmax_cross_entropy(logits, after), real)
        right = (metrics.likeliest(logits) == after) | (after == padding)
        reported = {
            "loss": (nats, words),
            "accuracy": metrics.accuracy(logits, after, real),
            "exact": metrics.mean(jnp.all(right, axis=1), examples),
        }
        if looks is not None:
            reported |= looks(attention, batch, examples)
        return ratio(nats, words), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> tuple[Array, Array]:
        before = _shifted(batch["y"])[0]
        return linen.apply(model, params, model_state, batch["x"], before, train=False)[0]

    return Task(init, objective, predict)


def _shifted(y: Array) -> tuple[Array, Array]:
    """What the model is given, and what it is to say."""
    return y[:, :-1], y[:, 1:]
