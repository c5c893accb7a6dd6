"""Vectors of texts from a pretrained body, and the body as part of a bigger network.

Reimers & Gurevych 2019, https://arxiv.org/abs/1908.10084
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.errors import DataError
from jaxdl.models._bert import BERT, BERTClassifier
from jaxdl.models._of_attention import groups_of_body
from jaxdl.models.pretrained._folder import Pretrained
from jaxdl.types import Array, PyTree

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class SentenceClassifier(nn.Module):
    """A class of each text from the mean state of its tokens: ids `[B, T]` to logits `[B, K]`.

    For `tasks.classification`. Where ids are `padding` there is no token. A pretrained body is put
    in by `params.transplant(params, {"body": weights}, "^body/")`.
    """

    body: BERT
    classes: int
    padding: int = 0

    @property
    def groups(self) -> tuple[str, ...]:
        """Patterns of the parameters of each layer, from the head down to the embeddings.

        For `optimizers.by_depth` and `unfreeze_gradually`.
        """
        return "^logits/", *groups_of_body(self.body.depth)

    @nn.compact
    def __call__(self, ids: Array, *, train: bool = False) -> Array:
        mask = ids != self.padding
        states = self.body(ids, mask, train=train)
        return nn.Dense(self.classes, name="logits")(mean_pooled(states, mask))


class PairClassifier(nn.Module):
    """A class of each text, or of two in one, by [CLS]: ids `[B, T]` to logits `[B, K]`.

    For `tasks.classification`. Where ids are `padding` there is no token; behind the first `end`
    the second text begins.
    """

    body: BERT
    classes: int
    end: int
    padding: int = 0

    @nn.compact
    def __call__(self, ids: Array, *, train: bool = False) -> Array:
        mask, ends = ids != self.padding, ids == self.end
        second = mask & (jnp.cumsum(ends, axis=1) - ends > 0)
        classifier = BERTClassifier(self.body, self.classes)
        return classifier(ids, mask, second.astype(jnp.int32), train=train)


def mean_pooled(states: Array, mask: Array) -> Array:
    """The mean of states `[B, T, D]` where the mask `[B, T]` is not 0: float32 `[B, D]`.

    Zeros where it is 0 everywhere.
    """
    real = (mask != 0)[..., None]
    total = jnp.where(real, states, 0).astype(jnp.float32).sum(axis=1)
    return total / jnp.maximum(real.sum(axis=1), 1)


def tokenized(tokenizer: "Tokenizer", texts: Sequence[str], length: int) -> dict[str, np.ndarray]:
    """Texts as batches hold them, with the marks at both ends that the tokenizer adds.

    x: int32 `[N, T]`, filled with 0, T being that of the longest, at most `length`; longer texts
        lose tokens before the last mark
    x_mask: float32 `[N, T]`, 1 on tokens
    Raises DataError without texts, or naming one without words or that is no string, and ValueError
    for a length below 1.
    """
    if length < 1:
        raise ValueError(f"texts of at most {length} tokens: 1 or more are needed")
    if isinstance(texts, str) or not len(texts):
        raise DataError("no texts: a list of one or more is needed")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {place} is {text!r}, not a string")
    rows = []
    for place, encoding in enumerate(tokenizer.encode_batch(list(texts))):
        if all(encoding.special_tokens_mask):
            raise DataError(f"text {place} has no words: {texts[place]!r}")
        rows.append(_cut(encoding.ids, encoding.special_tokens_mask, length))
    x = np.zeros((len(rows), max(map(len, rows))), np.int32)
    x_mask = np.zeros(x.shape, np.float32)
    for row, ids in enumerate(rows):
        x[row, : len(ids)], x_mask[row, : len(ids)] = ids, 1
    return {"x": x, "x_mask": x_mask}


def encode(
    pretrained: Pretrained, texts: Sequence[str], *, length: int = 256, batch_size: int = 32
) -> np.ndarray:
    """A vector of each text, the mean of its tokens' states: float32 `[N, D]`.

    length: tokens of a text that are read, at most what the model has places for. Texts are sorted
    by length, and a compiled program serves each power of two that they are padded to.
    `similarity.unit` makes vectors of length 1 of them. Raises DataError as `tokenized`, and for a
    model without a tokenizer or that is no BERT; ValueError for a batch_size below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batches of {batch_size} texts: 1 or more are needed")
    model, params, tokenizer = pretrained.body
    if tokenizer is None or not isinstance(model, BERT):
        raise DataError("texts are encoded by a BERT with its tokenizer")
    arrays = tokenized(tokenizer, texts, min(length, model.length))
    lengths = arrays["x_mask"].sum(axis=1).astype(int)
    order = np.argsort(lengths, kind="stable")
    vectors = np.zeros((len(order), model.width), np.float32)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        width = min(max(8, 1 << (int(lengths[rows[-1]]) - 1).bit_length()), model.length)
        shape = (batch_size, width)
        x, x_mask = (_fitted(array[rows], shape) for array in arrays.values())
        vectors[rows] = _vectors(model, params, x, x_mask)[: len(rows)]
    return vectors


@functools.partial(jax.jit, static_argnums=0)
def _vectors(model: BERT, params: PyTree, x: Array, x_mask: Array) -> Array:
    states: PyTree = model.apply({"params": params}, x, x_mask)
    return mean_pooled(states, x_mask)


def _cut(ids: list[int], special: list[int], length: int) -> list[int]:
    if len(ids) <= length:
        return ids
    return [*ids[: length - 1], ids[-1]] if special[-1] else ids[:length]


def _fitted(array: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The array cut, or filled with zeros, to a shape."""
    array = array[: shape[0], : shape[1]]
    missing = [(0, want - have) for want, have in zip(shape, array.shape, strict=True)]
    return np.pad(array, missing)
