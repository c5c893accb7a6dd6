"""Classification by generation: a language model of each class. Yogatama et al. 2017.

https://arxiv.org/abs/1703.01898; the rule that chooses among them is Bayes'.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.data.text.vocabulary import PAD
from jaxdl.models._language import LanguageModel
from jaxdl.types import Array


class ByClass(nn.Module):
    """log P(x, k) = log P(x | k) + log P(k) of framed texts: ids `[B, T]` to `[B, K]`, in nats.

    A text is START, its words, END, then `PAD`, as `vocabulary.framed` makes it; P(x | k) is of all
    behind START, END among it, so texts of all lengths share one distribution. The class of the
    largest is the likeliest; `losses.negative_log_likelihood` trains each model on the texts of its
    class alone, `losses.softmax_cross_entropy` all of them to tell classes apart.
    prior: P(k) of each class, above 0. language_model: of one class; each has weights of its own.
    """

    prior: Sequence[float]
    language_model: LanguageModel

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        def log_probability(model: LanguageModel, x: Array) -> Array:
            _, logits = model(x[:, :-1], train=train)
            found = jax.nn.log_softmax(logits.astype(jnp.float32))
            nats = jnp.take_along_axis(found, x[:, 1:, None], axis=-1)[..., 0]
            return jnp.where(x[:, 1:] == PAD, 0, nats).sum(axis=1)

        each = nn.vmap(
            log_probability,
            in_axes=None,
            out_axes=1,
            variable_axes={"params": 0},
            split_rngs={"params": True, "dropout": True},
            axis_size=len(self.prior),
        )
        return each(self.language_model, x) + jnp.log(jnp.asarray(self.prior, jnp.float32))[None]
