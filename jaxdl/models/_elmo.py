"""ELMo: words as a language model of both directions reads them where they stand.

Peters et al. 2018, https://arxiv.org/abs/1802.05365: two stacks of LSTMs, one from each end, over
the same embeddings and under one softmax; neither sees the token that it predicts.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.data.text.vocabulary import PAD
from jaxdl.layers.embedding import Embedding
from jaxdl.layers.mix import LayerMix
from jaxdl.layers.recurrent import RNN
from jaxdl.layers.rows import by_rows
from jaxdl.types import Array


class ELMo(nn.Module):
    """The biLM: ids `[B, T]` to logits of each token from those before and from those behind it.

    `(ahead [B, T − 1, V], back [B, T − 1, V])`, of tokens 1 … T − 1 and of tokens 0 … T − 2: the
    first and the last one of a sequence (`START`, `END`) are predicted from one side only. `PAD`,
    behind the last token, changes nothing.
    vocabulary: V. features: D, of the embedding and of each direction of each layer; from the
    second layer on, what a layer reads is added to what it gives, as in the paper. dropout: a
    module called with `train`, on what each layer reads and on what the softmax reads.
    """

    vocabulary: int
    features: int
    layers: int = 2
    dropout: nn.Module | None = None
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.embedding = Embedding(self.vocabulary, self.features, dtype=self.dtype)
        self.ahead = [RNN(self.features, dtype=self.dtype) for _ in range(self.layers)]
        self.back = [RNN(self.features, reverse=True, dtype=self.dtype) for _ in range(self.layers)]
        self.logits = nn.Dense(self.vocabulary, dtype=self.dtype)

    def __call__(self, ids: Array, *, train: bool = False) -> tuple[Array, Array]:
        ahead, back = self._read(ids, train)
        return (
            by_rows(self.logits, self._drop(ahead[-1][:, :-1], train)),
            by_rows(self.logits, self._drop(back[-1][:, 1:], train)),
        )

    def states(self, ids: Array, *, train: bool = False) -> Array:
        """What all layers say of each token, `[layers + 1, B, T, 2 D]`, both directions side by
        side; the first are the embeddings, twice. Zeros on padding."""
        return jnp.concatenate([jnp.stack(way) for way in self._read(ids, train)], axis=-1)

    def _read(self, ids: Array, train: bool) -> tuple[list[Array], list[Array]]:
        mask = ids != PAD
        embedded = jnp.where(mask[..., None], self.embedding(ids), 0)
        ways = []
        for layers in (self.ahead, self.back):
            way = [embedded]
            for number, layer in enumerate(layers):
                _, y = layer(self._drop(way[-1], train), None, mask, train=train)
                way.append(y + way[-1] if number else y)
            ways.append(way)
        return ways[0], ways[1]

    def _drop(self, x: Array, train: bool) -> Array:
        return x if self.dropout is None else self.dropout(x, train=train)


class Contextual(nn.Module):
    """Vectors of words in their context: ids `[B, T]` to a learned mix of layers, `[B, T, 2 D]`.

    What `Tagger` puts beside its own vectors of words. The language model is trained beforehand and
    its parameters, below `model`, transplanted; `optimizers.freeze` keeps them as they are.
    """

    model: ELMo

    @nn.compact
    def __call__(self, ids: Array, *, train: bool = False) -> Array:
        return LayerMix(dtype=self.model.dtype, name="mix")(self.model.states(ids, train=train))
