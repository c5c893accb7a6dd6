"""Each token from those before it and from those behind it: Peters et al. 2018, section 3.1,
https://arxiv.org/abs/1802.05365
"""

import jax
import jax.numpy as jnp

from jaxdl import losses, metrics
from jaxdl.data.text.vocabulary import PAD
from jaxdl.tasks._examples import ratio, weights
from jaxdl.tasks.networks import Model, network, pair
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def bidirectional_language_model(model: Model) -> Task:
    """The mean of −log p(token | those before it) and −log p(token | those behind it), in nats.

    model: `(ids [B, T], train=...) -> (ahead, back)`, logits `[B, T − 1, V]` of all tokens but the
    first and of all but the last, such as `models.ELMo`.
    Batches are `{"x": [B, T], "mask": [B] (optional)}`; `PAD` is no token. Reports `loss` and
    `accuracy` over all predictions, and the losses `ahead` and `back` of each direction.
    """

    net = network(model)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return net.init(key, batch["x"])

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        x = jnp.asarray(batch["x"])
        outputs, model_state = net.apply(params, model_state, x, key=key, train=train)
        logits = pair(net, outputs, "(logits ahead, logits back)")
        real = weights(batch)[:, None] * ((x[:, 1:] != PAD) & (x[:, :-1] != PAD))
        reported, right = {}, []
        for name, found, y in zip(("ahead", "back"), logits, (x[:, 1:], x[:, :-1]), strict=True):
            reported[name] = metrics.mean(losses.softmax_cross_entropy(found, y), real)
            right.append(metrics.accuracy(found, y, real))
        both: Metrics = {
            "loss": jax.tree.map(jnp.add, reported["ahead"], reported["back"]),
            "accuracy": jax.tree.map(jnp.add, *right),
        }
        return ratio(*both["loss"]), (model_state, {**both, **reported})

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> tuple[Array, Array]:
        return net.apply(params, model_state, batch["x"], train=False)[0]

    return Task(init, objective, predict)
