"""Sequence-to-sequence training with teacher forcing. Sutskever et al. 2014, https://arxiv.org/abs/1409.3215"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxdl import losses, metrics
from jaxdl.tasks._examples import ratio, weights
from jaxdl.tasks.networks import Model, network, pair
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def sequence_to_sequence(
    model: Model,
    padding: int = 0,
    looks: Callable[[Any, Batch, Array], Metrics] | None = None,
) -> Task:
    """The mean over tokens of −log p(token | x, tokens before it), in nats.

    model: `(x [B, N], x_mask [B, N], y [B, T], train=...) -> (logits [B, T, V], attention)`.
    padding: the id of what follows the end, in x and in y; it counts for nothing.
    looks: `(attention, batch, weights [B]) -> {name: (sum, weight)}`, reported beside the others.
    Batches are `{"x": [B, N], "y": [B, T + 1], "mask": [B] (optional)}`, y from the start token on.
    Reports `loss` and `accuracy`, per token, and `exact`, the share of sequences of which every
    token is right: those, and only those, are what greedy decoding gets right; one without a token
    is no sequence.
    `predict` gives the logits and the attention under teacher forcing.
    """

    def given(batch: Batch) -> tuple[Array, Array, Array]:
        x = jnp.asarray(batch["x"])
        return x, (x != padding).astype(jnp.float32), jnp.asarray(batch["y"])[:, :-1]

    return teacher_forced(model, given, padding, looks)


def teacher_forced(
    model: Model,
    given: Callable[[Batch], tuple[Array, ...]],
    padding: int,
    looks: Callable[[Any, Batch, Array], Metrics] | None,
) -> Task:
    """`sequence_to_sequence` for any x: `given(batch)` is what the model is called with."""

    net = network(model)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return net.init(key, *given(batch))

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        examples, y = weights(batch), batch["y"][:, 1:]
        outputs, model_state = net.apply(params, model_state, *given(batch), key=key, train=train)
        logits, attention = pair(net, outputs, "(logits [B, T, V], attention)")
        real = (y != padding) * examples[:, None]
        nats = metrics.mean(losses.softmax_cross_entropy(logits, y), real)
        right = (metrics.likeliest(logits) == y) | (y == padding)
        reported = {
            "loss": nats,
            "accuracy": metrics.accuracy(logits, y, real),
            "exact": metrics.mean(right.all(axis=1), examples * (y != padding).any(axis=1)),
        }
        if looks is not None:
            reported |= looks(attention, batch, examples)
        return ratio(*nats), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> tuple[Array, PyTree]:
        return net.apply(params, model_state, *given(batch), train=False)[0]

    return Task(init, objective, predict)
