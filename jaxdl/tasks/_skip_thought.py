"""The sentences before and after a sentence, by cross-entropy with teacher forcing.

Kiros et al. 2015, https://arxiv.org/abs/1506.06726
"""

import flax.linen as nn

from jaxdl import losses, metrics
from jaxdl.tasks import linen
from jaxdl.tasks._examples import ratio, weights
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def skip_thought(model: nn.Module, padding: int = 0) -> Task:
    """The mean over the words of both neighbours of −log p(word | those before it, sentence).

    model: `(ids [B, T], previous [B, S], following [B, S]) -> two logits [B, S, V]`, with a method
        `encode` that gives the vectors `[B, H]` of ids.
    padding: the id that counts for nothing; a neighbour that is not there is nothing else.
    Batches are `{"x": [B, T], "previous": [B, S + 1], "following": [B, S + 1], "mask": [B]
    (optional)}`, neighbours from the start word on. Reports `loss`, and `previous` and `following`
    apart, in nats a word. `predict` gives the vectors of x.
    """

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        said = (batch[name][:, :-1] for name in ("previous", "following"))
        return linen.init(model, key, batch["x"], *said)

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        both = {name: batch[name] for name in ("previous", "following")}
        said = (words[:, :-1] for words in both.values())
        logits, model_state = linen.apply(
            model, params, model_state, batch["x"], *said, key=key, train=train
        )
        reported = {}
        for (name, words), of_words in zip(both.items(), logits, strict=True):
            real = (words[:, 1:] != padding) * weights(batch)[:, None]
            reported[name] = metrics.mean(
                losses.softmax_cross_entropy(of_words, words[:, 1:]), real
            )
        (first, some), (second, others) = reported.values()
        reported["loss"] = (first + second, some + others)
        return ratio(*reported["loss"]), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return linen.apply(model, params, model_state, batch["x"], train=False, method=_encode)[0]

    return Task(init, objective, predict)


def _encode(model: nn.Module, ids: Array) -> Array:
    return model.encode(ids)
