"""Sequence-to-sequence training with sampled (hard) attention. Xu et al. 2015, https://arxiv.org/abs/1502.03044

The gradient of E[Σ_t L_t] over the drawn positions, with b_t the mean loss of the other examples of
the batch at step t:   Σ_t ∇L_t + (L_t − b_t) ∇ log α_t
"""

from collections.abc import Callable

import jax.numpy as jnp

from jaxdl import losses, metrics
from jaxdl.layers.hard_attention import Drawn, credit, mean_of_others
from jaxdl.tasks._examples import ratio, weights
from jaxdl.tasks._sequence_to_sequence import sequence_to_sequence
from jaxdl.tasks.networks import Model, network, pair
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def drawn_attention(
    model: Model,
    padding: int = 0,
    looks: Callable[[Array, Batch, Array], Metrics] | None = None,
) -> Task:
    """As `sequence_to_sequence`, trained by REINFORCE; what is reported in training is the loss.

    model: gives `layers.hard_attention.Drawn` for attention. A draw may change the loss of its own
        step only, as with `models.seq2seq.Attentive`; with `InputFeeding` and `AttendFirst` the
        gradient is biased.
    looks: called with the unit vectors `[B, T, N]`.
    """

    def seen(drawn: Drawn, batch: Batch, of_examples: Array) -> Metrics:
        return {} if looks is None else looks(drawn.weights, batch, of_examples)

    net = network(model)
    plain = sequence_to_sequence(model, padding, seen)

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        if not train:
            return plain.loss(params, model_state, batch, key, train=False)
        x, y = jnp.asarray(batch["x"]), jnp.asarray(batch["y"])
        real = (y[:, 1:] != padding) * weights(batch)[:, None]
        given = x, (x != padding).astype(jnp.float32), y[:, :-1]
        outputs, model_state = net.apply(params, model_state, *given, key=key, train=True)
        logits, drawn = pair(net, outputs, "(logits [B, T, V], attention drawn)")
        nats = losses.softmax_cross_entropy(logits, y[:, 1:])
        due = credit(nats, drawn.log_probability, mean_of_others(nats, real))
        loss = metrics.mean(nats, real)
        return ratio(*metrics.mean(nats + due, real)), (model_state, {"loss": loss})

    return Task(plain.init, objective, plain.predict)
