"""Words for a picture, each given those before it: cross-entropy with teacher forcing."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxdl import losses, metrics
from jaxdl.tasks.examples import weights, zeroed
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
        variables = dict(model.init(key, batch["x"], batch["y"][:, :-1], train=False))
        return variables.pop("params"), variables

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        examples = weights(batch)
        x = zeroed(batch["x"], examples)
        variables, before, after = {"params": params, **model_state}, *_shifted(batch["y"])
        if train:
            (logits, attention), model_state = model.apply(
                variables, x, before, train=True, rngs={"dropout": key}, mutable=list(model_state)
            )
        else:
            logits, attention = model.apply(variables, x, before, train=False)
        real = (after != padding) * examples[:, None]
        nats, words = metrics.mean(losses.softmax_cross_entropy(logits, after), real)
        right = (jnp.argmax(logits, axis=-1) == after) | (after == padding)
        reported = {
            "loss": (nats, words),
            "accuracy": metrics.accuracy(logits, after, real),
            "exact": metrics.mean(jnp.all(right, axis=1), examples),
        }
        if looks is not None:
            reported |= looks(attention, batch, examples)
        return nats / jnp.where(words > 0, words, 1), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Any:
        variables = {"params": params, **model_state}
        return model.apply(variables, batch["x"], _shifted(batch["y"])[0], train=False)

    return Task(init, objective, predict)


def _shifted(y: Array) -> tuple[Array, Array]:
    """What the model is given, and what it is to say."""
    return y[:, :-1], y[:, 1:]
