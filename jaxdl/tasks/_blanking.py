"""Which words decide: the n-gram that speaks loudest for a class, blanked (Jacovi et al. 2018,
https://arxiv.org/abs/1809.08037).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl import metrics
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def blanking(task: Task, model: nn.Module) -> Task:
    """The task, which in evaluation reports what blanked n-grams cost the predicted class, in nats.

    model: a `models.TextClassifier` of an `NGrams` body. at_argmax: of the n-gram of `loudest`;
    at_random: of as many consecutive words at a random place, which may overlap it.
    """

    def loss(
        params: PyTree, state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        value, (state, reported) = task.loss(params, state, batch, key, train=train)
        if train:
            return value, (state, reported)
        words = batch["x"]
        start, width, best = loudest(model, params, words)
        length = (words > 0).sum(axis=1)
        share = jax.random.uniform(key, length.shape)
        elsewhere = jnp.floor(share * (length - width + 1)).astype(int)

        def nats(words: Array) -> Array:
            logits: PyTree = model.apply({"params": params}, words, train=False)
            return jnp.take_along_axis(jax.nn.log_softmax(logits), best[:, None], axis=1)[:, 0]

        for name, place in (("at_argmax", start), ("at_random", elsewhere)):
            places = jnp.arange(words.shape[1])[None]
            inside = (places >= place[:, None]) & (places < (place + width)[:, None])
            lost = nats(words) - nats(jnp.where(inside, 0, words))
            reported = {**reported, name: metrics.mean(lost, batch["mask"])}
        return value, (state, reported)

    return task._replace(loss=loss)


def loudest(model: nn.Module, params: PyTree, words: Array) -> tuple[Array, Array, Array]:
    """Start and width of the n-gram that speaks loudest for the predicted class, and that class.

    model: as in `blanking`; words: `[B, T]`. Each `[B]`. An n-gram at the end of a sentence is as
    short as what is left of it.
    """
    variables = {"params": params}
    logits: PyTree = model.apply(variables, words, train=False)
    best = logits.argmax(axis=-1)
    contributions: PyTree = model.apply(variables, words, method="contributions")
    of_classes, starts = contributions
    mine = jnp.take_along_axis(of_classes, best[:, None, None], axis=2)[..., 0]
    feature = mine.argmax(axis=1)
    start = jnp.take_along_axis(starts, feature[:, None], axis=1)[:, 0]
    width = jnp.asarray(model.body.widths)[feature // model.body.features]
    return start, jnp.minimum(width, (words > 0).sum(axis=1) - start), best
