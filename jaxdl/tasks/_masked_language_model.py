"""Masked language modelling and next-sentence prediction, by cross-entropy.

Devlin et al. 2019, https://aclanthology.org/N19-1423
"""

from collections.abc import Mapping

import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl import losses, metrics
from jaxdl.tasks._examples import ratio, weights
from jaxdl.tasks.networks import Model, network
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

_INPUTS = ("x", "x_mask", "segments")


def masked_language_model(model: Model, pair_weight: ArrayLike = 1.0) -> Task:
    """The mean over chosen words of −log p(word | text), plus that over pairs of −log p(pair).

    model: `(x [B, T], x_mask [B, T], segments [B, T], train=...) -> {"tokens": [B, T, V], "pair":
        [B, 2] (optional)}`; without logits of pairs there is no second mean.
    pair_weight: of the second mean, may be traced.
    Batches are `{"x": [B, T], "x_mask": [B, T], "segments": [B, T], "y": [B, T], "y_mask": [B, T],
    "pair": [B], "mask": [B] (optional)}`, as `data.text.masking` makes them; segments and pair may
    be absent. Its `masked` as the change of `noise.in_training` masks anew in each step; what is
    evaluated has its masks already.
    Reports, in nats, `token_loss` and `accuracy`, weighted by the chosen words, `pair_loss` and
    `pair_accuracy`, weighted by the pairs, and `loss`: with pairs weighted by examples, so that of
    several batches it is their mean, else it is `token_loss`. ValueError for a batch without pairs
    where the model has logits of them.
    """

    net = network(model)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return net.init(key, *map(batch.get, _INPUTS))

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        inputs = map(batch.get, _INPUTS)
        outputs, model_state = net.apply(params, model_state, *inputs, key=key, train=train)
        reported = _measured(outputs, batch, weights(batch))
        total = combine({name: ratio(*pair) for name, pair in reported.items()})
        count = weights(batch).sum()
        together = "pair_loss" in reported
        reported["loss"] = (total * count, count) if together else reported["token_loss"]
        return total, (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Mapping[str, Array]:
        inputs = map(batch.get, _INPUTS)
        return net.apply(params, model_state, *inputs, train=False)[0]

    def combine(means: Mapping[str, Array]) -> Array:
        return means["token_loss"] + pair_weight * means.get("pair_loss", jnp.zeros(()))

    return Task(init, objective, predict, combine)


def _measured(
    outputs: Mapping[str, Array], batch: Batch, of_rows: Array
) -> dict[str, metrics.Pair]:
    """Sums and weights of the words, and of the pairs where the model has logits of them."""
    chosen = batch["y_mask"] * of_rows[:, None]
    nats = losses.softmax_cross_entropy(outputs["tokens"], batch["y"])
    reported = {
        "token_loss": metrics.mean(nats, chosen),
        "accuracy": metrics.accuracy(outputs["tokens"], batch["y"], chosen),
    }
    if "pair" in outputs:
        if "pair" not in batch:
            raise ValueError("the model has logits of pairs, and the batch no `pair` [B]")
        nats = losses.softmax_cross_entropy(outputs["pair"], batch["pair"])
        reported["pair_loss"] = metrics.mean(nats, of_rows)
        reported["pair_accuracy"] = metrics.accuracy(outputs["pair"], batch["pair"], of_rows)
    return reported
