"""A tag for each word of a sentence, by cross-entropy, with the F1 of spans."""

from jaxdl import losses, metrics
from jaxdl.data.text.vocabulary import PAD
from jaxdl.metrics import spans
from jaxdl.tasks._examples import ratio, weights
from jaxdl.tasks.networks import Model, network
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def tagging(model: Model) -> Task:
    """The mean over words of −log p(tag | sentence), in nats.

    model: `(words [B, T], characters [B, T, C], train=...) -> logits [B, T, 2K + 1]`.
    Batches are `{"words": [B, T], "characters": [B, T, C], "y": [B, T], "mask": [B] (optional)}`,
    y being ids of tags as in `jaxdl.data.text.bio`; where the word is `PAD` nothing counts.
    Reports `loss` and `accuracy`, per word, and `f1` of spans over all sentences (micro, by
    conlleval's rules); for it the weight of a sentence is 0 or 1.
    """

    net = network(model)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return net.init(key, batch["words"], batch["characters"])

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        words, y = batch["words"], batch["y"]
        logits, model_state = net.apply(
            params, model_state, words, batch["characters"], key=key, train=train
        )
        real = weights(batch)[:, None] * (words != PAD)
        nats = metrics.mean(losses.softmax_cross_entropy(logits, y), real)
        right, found, there = spans.matches(metrics.likeliest(logits), y, real)
        reported = {
            "loss": nats,
            "accuracy": metrics.accuracy(logits, y, real),
            "f1": (2 * right, found + there),
        }
        return ratio(*nats), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        inputs = batch["words"], batch["characters"]
        return net.apply(params, model_state, *inputs, train=False)[0]

    return Task(init, objective, predict)
