"""Classification into K classes by softmax cross-entropy, in nats."""

from collections.abc import Callable

import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl import losses, metrics
from jaxdl.tasks._examples import weights
from jaxdl.tasks._supervised import supervised
from jaxdl.tasks.networks import Model
from jaxdl.tasks.noise import in_training
from jaxdl.types import Array, Batch, PyTree, Task


def classification(
    model: Model,
    *,
    loss: Callable[[Array, Array], Array] = losses.softmax_cross_entropy,
    penalty: Callable[[PyTree], Array] | None = None,
    class_weights: ArrayLike | None = None,
) -> Task:
    """Task of a model that gives logits `[B, K]` for labels `y: [B]` in 0..K−1.

    Reports `loss` (nats) and `accuracy`.
    class_weights: `[K]`; in training the loss is Σ w_y ℓ / Σ w_y, and so are the metrics weighted
        (`data.class_weights.balanced` makes them). ValueError for another length than K.
    """

    def measure(logits: Array, labels: Array, weights: Array) -> dict[str, tuple[Array, Array]]:
        return {"accuracy": metrics.accuracy(logits, labels, weights)}

    if class_weights is None:
        return supervised(model, loss, measure, penalty)
    of_class = jnp.asarray(class_weights)

    def checked(logits: Array, labels: Array) -> Array:
        if of_class.shape != logits.shape[-1:]:
            raise ValueError(
                f"class_weights have shape {of_class.shape}, the logits {logits.shape[-1]} classes"
            )
        return loss(logits, labels)

    def weigh(batch: Batch, key: Array) -> Batch:
        return {**batch, "mask": weights(batch) * of_class[batch["y"]]}

    return in_training(supervised(model, checked, measure, penalty), weigh)
