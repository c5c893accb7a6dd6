"""Classification into K classes by softmax cross-entropy, in nats."""

from collections.abc import Callable

import flax.linen as nn

from jaxdl import losses, metrics
from jaxdl.tasks.supervised import supervised
from jaxdl.types import Array, PyTree, Task


def classification(
    model: nn.Module,
    *,
    loss: Callable[[Array, Array], Array] = losses.softmax_cross_entropy,
    penalty: Callable[[PyTree], Array] | None = None,
) -> Task:
    """Task of a model that gives logits `[B, K]` for labels `y: [B]` in 0..K−1.

    Reports `loss` (nats) and `accuracy`.
    """

    def measure(logits: Array, labels: Array, weights: Array) -> dict[str, tuple[Array, Array]]:
        return {"accuracy": metrics.accuracy(logits, labels, weights)}

    return supervised(model, loss, measure, penalty)
