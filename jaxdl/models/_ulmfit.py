"""ULMFiT: a language model that becomes a classifier of texts. Howard & Ruder 2018,
https://arxiv.org/abs/1801.06146

The network is the AWD-LSTM of Merity et al. 2018, https://arxiv.org/abs/1708.02182. Three stages:
`ULMFiT` learns general text, then the text of the task; `ULMFiTClassifier` with its `encoder`
(`params.transplant`) learns the task. How it is fine-tuned: `optimizers.unfreeze_gradually`,
`by_depth` and `schedules.slanted_triangular`.
"""

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from jaxdl.data.text.vocabulary import PAD
from jaxdl.initializers import Initializer
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.embedding import lookup
from jaxdl.layers.norms import BatchNorm
from jaxdl.layers.recurrent import RNN, Stack
from jaxdl.layers.rows import by_rows
from jaxdl.models._sentence import Summary, concat_pooling
from jaxdl.numerics import cast
from jaxdl.types import Array, PyTree


class Drops(NamedTuple):
    """Dropout rates of an AWD-LSTM, the paper's; they may be traced.

    words: of whole words, everywhere in a batch; inputs, between, outputs: of what the first layer,
    the next ones and the softmax read, one mask for all steps; weights: of the recurrent matrices.
    """

    words: ArrayLike = 0.05
    inputs: ArrayLike = 0.4
    between: ArrayLike = 0.3
    outputs: ArrayLike = 0.4
    weights: ArrayLike = 0.5


NO_DROPS = Drops(0.0, 0.0, 0.0, 0.0, 0.0)
"""No dropout."""


class AWDLSTM(nn.Module):
    """Embedding and LSTMs: ids `[B, T]` to (carries of the layers, outputs `[B, T, D]`).

    vocabulary: V. features: D, of the embedding and of the last layer. hidden: units of the others.
    carry, mask, segments: as of `layers.RNN`.
    """

    vocabulary: int
    features: int
    hidden: int
    layers: int = 3
    drops: Drops = NO_DROPS
    # With the paper's 0.1 a narrow stack is deaf to its input for hundreds of steps.
    embedding_init: Initializer = nn.initializers.normal(0.5)
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        drops, shape = self.drops, (self.vocabulary, self.features)
        self.embedding = self.param("embedding", self.embedding_init, shape)
        widths = [self.hidden] * (self.layers - 1) + [self.features]
        self.body = Stack(
            [
                RNN(width, weight_drop=drops.weights, parent=None, dtype=self.dtype)
                for width in widths
            ],
            Dropout(drops.between, shared=(1,), parent=None),
        )
        self.drop_words = Dropout(drops.words, shared=(1,))
        self.drop_inputs = Dropout(drops.inputs, shared=(1,))
        self.drop_outputs = Dropout(drops.outputs, shared=(1,))

    def __call__(
        self,
        ids: Array,
        carry: PyTree = None,
        mask: Array | None = None,
        *,
        segments: Array | None = None,
        train: bool = False,
    ) -> tuple[PyTree, Array]:
        table = self.drop_words(self.embedding, train=train)
        (words,) = cast(self.dtype, lookup(table, ids))
        x = self.drop_inputs(words, train=train)
        return self.body(x, carry, mask, segments=segments, train=train)

    def logits(self, outputs: Array, *, train: bool) -> Array:
        """Of the words that go with outputs `[B, T, D]`, by the table that embeds them."""
        outputs = self.drop_outputs(outputs, train=train)
        outputs, table = cast(self.dtype, outputs, self.embedding)
        return by_rows(lambda rows: rows @ table.T, outputs)


class ULMFiT(nn.Module):
    """The language model: ids `[B, T]` to (carry, logits `[B, T, V]`) of what follows each token.

    As `LanguageModel`, for `tasks.language_model`, with one table for what it reads and says.
    """

    encoder: AWDLSTM

    @nn.compact
    def __call__(
        self,
        x: Array,
        carry: PyTree = None,
        *,
        segments: Array | None = None,
        train: bool = False,
    ) -> tuple[PyTree, Array]:
        carry, y = self.encoder(x, carry, segments=segments, train=train)
        bias = self.param("bias", nn.initializers.zeros, (self.encoder.vocabulary,))
        return carry, self.encoder.logits(y, train=train) + bias[None, None]

    def step(self, carry: PyTree, tokens: Array) -> tuple[PyTree, Array]:
        """One token of each sequence, for `jaxdl.decoding`: tokens `[B]` to logits `[B, V]`."""
        carry, logits = self(tokens[:, None], carry)
        return carry, jnp.squeeze(logits, 1)


class ULMFiTClassifier(nn.Module):
    """Logits of a text's class: ids `[B, T]` to `[B, classes]`; `PAD`, at the end, is no word.

    What `summary` makes of the encoder's states goes through two blocks of batch norm, dropout and
    a dense layer, the first one of `width` units and a ReLU. dropout: its rate, may be traced.
    """

    encoder: AWDLSTM
    classes: int
    summary: Summary = concat_pooling
    width: int = 50
    dropout: ArrayLike = 0.0

    @property
    def groups(self) -> tuple[str, ...]:
        """Patterns of the parameters of each layer, from the head down to the embedding."""
        depths = reversed(range(self.encoder.layers))
        return "head", *(f"encoder/body/layers_{n}/" for n in depths), "encoder/embedding"

    @nn.compact
    def __call__(self, ids: Array, *, train: bool) -> Array:
        mask = (ids != PAD).astype(jnp.float32)
        carries, outputs = self.encoder(ids, None, mask, train=train)
        head = _Head(self.classes, self.width, self.dropout, dtype=self.encoder.dtype, name="head")
        return head(self.summary(carries[-1], outputs, mask), train=train)


class _Head(nn.Module):
    """Vectors `[B, F]` to logits `[B, classes]`, as in `ULMFiTClassifier`."""

    classes: int
    width: int
    dropout: ArrayLike
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        drop = Dropout(self.dropout)
        x = nn.Dense(self.width, dtype=self.dtype)(
            drop(BatchNorm(dtype=self.dtype)(x, train=train), train=train)
        )
        x = drop(BatchNorm(dtype=self.dtype)(nn.relu(x), train=train), train=train)
        return nn.Dense(self.classes, dtype=self.dtype)(x)
