"""Words for a picture, each given those before it: cross-entropy with teacher forcing."""

from collections.abc import Callable

import jax.numpy as jnp

from jaxdl.tasks._examples import examples
from jaxdl.tasks._sequence_to_sequence import teacher_forced
from jaxdl.tasks.networks import Model
from jaxdl.types import Array, Batch, Metrics, Task


def captioning(
    model: Model,
    padding: int = 0,
    looks: Callable[[Array, Batch, Array], Metrics] | None = None,
) -> Task:
    """The mean over words of −log p(word | picture, words before it), in nats.

    model: `model(x, words [B, T], train=...) -> (logits [B, T, V], attention)`.
    padding: id of the words after the end, which count for nothing.
    looks: `(attention [B, T, P], batch, weights [B]) -> {name: (sum, weight)}`, reported beside the
        others: where the model looked before each word.
    Batches are `{"x": [B, H, W, C], "y": [B, T + 1], "mask": [B] (optional)}`, y from the start
    word on. Reports `loss`, `accuracy` and `exact`, and predicts, as `sequence_to_sequence`.
    """

    def given(batch: Batch) -> tuple[Array, Array]:
        return examples(batch)[0], jnp.asarray(batch["y"])[:, :-1]

    return teacher_forced(model, given, padding, looks)
