"""Recurrent networks that answer once a sequence, or once a step. Goldberg 2017, section 14.3.

Both read `x`: vectors `[B, T, D]`, or whatever `embedding` turns into them, ids `[B, T]` say. A
step counts where the `mask [B, T]` is not 0 (default: where an id is not `padding`; else all do);
what the others hold reaches neither the answers nor a gradient.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.rows import by_rows
from jaxdl.types import Array, PyTree


class Acceptor(nn.Module):
    """n → 1: one answer `[B, K]` from what the body gives at the last step that counts.

    outputs: K. body: as in `models.language.LanguageModel`, called with the mask. embedding: a
    module `x -> [B, T, D]`; None: x is that already. padding: an id, or None.
    A sequence without a step gets the answer to zeros. A layer that reads backwards has seen a
    single step there.
    """

    outputs: int
    body: nn.Module
    embedding: nn.Module | None = None
    padding: int | None = None
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, mask: Array | None = None, *, train: bool = False) -> Array:
        mask, vectors = _read(x, mask, self.embedding, self.padding)
        _, y = self.body(vectors, None, mask, train=train)
        if mask is None:
            last = y[:, -1]
        else:
            # Outputs of other steps are 0, so where none counts any of them will do.
            step = jnp.max(jnp.arange(y.shape[1])[None] * (mask != 0), axis=1)
            last = jnp.take_along_axis(y, step[:, None, None], axis=1)[:, 0]
        return nn.Dense(self.outputs, name="answer", dtype=self.dtype)(last)


class Transducer(nn.Module):
    """n → n: an answer at every step, `(x, carry, mask) -> (carry, [B, T, K])`.

    As `Acceptor`; `tasks.language_model` trains it on ids. Where the mask is 0 the answer is that
    to zeros.
    """

    outputs: int
    body: nn.Module
    embedding: nn.Module | None = None
    padding: int | None = None
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(
        self, x: Array, carry: PyTree = None, mask: Array | None = None, *, train: bool = False
    ) -> tuple[PyTree, Array]:
        mask, vectors = _read(x, mask, self.embedding, self.padding)
        carry, y = self.body(vectors, carry, mask, train=train)
        return carry, by_rows(nn.Dense(self.outputs, name="answer", dtype=self.dtype), y)


class OneHot(nn.Module):
    """Ids `[B, T]` as unit vectors `[B, T, size]`, zeros for an id outside 0 … size − 1."""

    size: int

    def __call__(self, ids: Array) -> Array:
        return nn.one_hot(ids, self.size)


def _read(
    x: Array, mask: Array | None, embedding: nn.Module | None, padding: int | None
) -> tuple[Array | None, Array]:
    if mask is None and padding is not None:
        mask = x != padding
    return mask, x if embedding is None else embedding(x)
