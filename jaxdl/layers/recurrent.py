"""Recurrent layers over whole sequences, of any cell of `layers.cells`.

What the inputs contribute is one matrix product before the loop; the loop itself, and its backward
pass, are `unroll`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from jaxdl.initializers import side_by_side
from jaxdl.layers._unroll import unroll
from jaxdl.layers.cells import LSTM, Carry, Cell, Weights, first_bias
from jaxdl.layers.dropout import Dropout, is_zero
from jaxdl.numerics import cast
from jaxdl.types import Array


class RNN(nn.Module):
    """One direction of one layer: `(x [B, T, D], ...) -> (carry, outputs [B, T, H])`.

    features: H. reverse: time runs backwards; outputs stay where their inputs are.
    recurrent_dropout: rate of a mask on h that is the same at all steps (Gal & Ghahramani 2016,
        https://arxiv.org/abs/1512.05287), from the `dropout` key; may be traced.
    weight_drop: rate at which weights are 0 in training, the same ones at all steps and in all
        sequences of a batch, the others scaled by 1/(1 − rate) (DropConnect; Merity et al. 2018,
        https://arxiv.org/abs/1708.02182), from the `dropout` key; may be traced.
    dropped: the matrices, by their names below, that weight_drop is for.
    carry: the states to begin with, `[B, H]` each; default: zeros.
    mask `[B, T]`: where it is 0 the carry stays and the output is 0, whatever x holds, so that
        nothing depends on padding. The carry that is returned is that after the last real step.
    segments `[B, T]`: ids of the sequences that are packed in a row, as `bucketing.pack` numbers
        them: a step of another one than the real step before it begins with zeros; 0 is padding.
    Params: `kernel [D, G·H]`, `recurrent_kernel [H, G·H]`, `bias [G·H]` and the cell's own weights.
    kernel_init, recurrent_init: of each gate, a matrix `[D, H]` or `[H, H]` of its own.
    Reverse-mode derivatives of any order; forward mode (`jax.jvp`) is not defined.
    Raises ValueError for an x of other than three axes, and a name in `dropped` of no matrix.
    """

    features: int
    cell: Cell = LSTM
    reverse: bool = False
    recurrent_dropout: ArrayLike = 0.0
    weight_drop: ArrayLike = 0.0
    dropped: Sequence[str] = ("recurrent_kernel",)
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    recurrent_init: Callable[..., Array] = nn.initializers.orthogonal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(
        self,
        x: Array,
        carry: Carry | None = None,
        mask: Array | None = None,
        *,
        segments: Array | None = None,
        train: bool = False,
    ) -> tuple[Carry, Array]:
        if x.ndim != 3:
            raise ValueError(f"a recurrent layer takes [batch, time, features], not {x.shape}")
        cell, batch, width = self.cell, x.shape[0], self.features
        kernel, recurrent, bias, own = self._weights(x.shape[-1], train)
        x, kernel, recurrent, bias = cast(self.dtype, x, kernel, recurrent, bias)
        real, begins = _steps(mask, segments, self.reverse)
        if real is not None:
            x = jnp.where(jnp.swapaxes(real, 0, 1), x, 0)
        # Rows side by side: the gradient of a product over two axes is slow on CPU.
        rows = jnp.swapaxes(x, 0, 1).reshape(-1, x.shape[-1])
        inputs = (rows @ kernel + bias[None]).reshape(x.shape[1], batch, cell.gates * width)
        if carry is None:
            carry = (jnp.zeros((batch, width)),) * cell.states
        kept = None
        if train and not is_zero(self.recurrent_dropout):
            share = 1 - jnp.asarray(self.recurrent_dropout)
            drawn = jax.random.uniform(self.make_rng("dropout"), (batch, width)) < share
            kept = drawn / jnp.where(share > 0, share, 1)
        one = self.dtype or jnp.result_type(inputs, recurrent)
        recurrent, own, carry, kept = jax.tree.map(
            lambda value: value.astype(one), (recurrent, own, carry, kept)
        )
        carry, outputs = unroll(
            cell,
            inputs.astype(one),
            recurrent,
            own,
            carry,
            mask=real,
            kept=kept,
            begins=begins,
            reverse=self.reverse,
        )
        return carry, jnp.swapaxes(outputs, 0, 1)

    def _weights(self, inputs: int, train: bool) -> tuple[Array, Array, Array, Weights]:
        """Kernel, recurrent kernel, bias and the cell's own, some of them dropped in training."""
        cell, width = self.cell, self.features
        wide = cell.gates * width
        kernel_init, recurrent_init = (
            side_by_side(init, cell.gates) for init in (self.kernel_init, self.recurrent_init)
        )
        matrices = {
            "kernel": self.param("kernel", kernel_init, (inputs, wide)),
            "recurrent_kernel": self.param("recurrent_kernel", recurrent_init, (width, wide)),
        }
        bias = self.param("bias", first_bias(cell), (wide,))
        for name, rows in cell.weights:
            matrices[name] = self.param(name, nn.initializers.zeros, (rows, width))
        if strange := set(self.dropped) - set(matrices):
            raise ValueError(f"no matrix {sorted(strange)} to drop weights of: {list(matrices)}")
        drop = Dropout(self.weight_drop)
        for name in self.dropped:
            matrices[name] = drop(matrices[name], train=train)
        return matrices.pop("kernel"), matrices.pop("recurrent_kernel"), bias, matrices


def _steps(
    mask: Array | None, segments: Array | None, reverse: bool
) -> tuple[Array | None, Array | None]:
    """Which steps are real, and which of them begin a segment: booleans `[T, B, 1]`, or None."""
    real = None if mask is None else jnp.swapaxes(mask, 0, 1) != 0
    if segments is None:
        return (None, None) if real is None else (real[..., None], None)
    ids = jnp.swapaxes(segments, 0, 1)
    real = ids != 0 if real is None else real & (ids != 0)
    there, ids_read = (real[::-1], ids[::-1]) if reverse else (real, ids)
    # The last real step up to each, and so before the next; -1 where there is none.
    last = jax.lax.cummax(jnp.where(there, jnp.arange(len(ids))[:, None], -1))
    last = jnp.concatenate([jnp.full_like(last[:1], -1), last[:-1]])
    before = jnp.take_along_axis(ids_read, jnp.maximum(last, 0), axis=0)
    begins = there & (last >= 0) & (ids_read != before)
    return real[..., None], (begins[::-1] if reverse else begins)[..., None]


class Bidirectional(nn.Module):
    """Two layers in opposite directions, their outputs side by side: `[B, T, 2 H]`.

    Schuster & Paliwal 1997. Carries are pairs, forward first.
    Raises ValueError unless `backward`, and it alone, is reversed.
    """

    forward: RNN
    backward: RNN

    def __call__(
        self,
        x: Array,
        carry: tuple[Carry, Carry] | None = None,
        mask: Array | None = None,
        *,
        segments: Array | None = None,
        train: bool = False,
    ) -> tuple[tuple[Carry, Carry], Array]:
        if self.forward.reverse or not self.backward.reverse:
            raise ValueError("a bidirectional layer needs its backward layer reversed, alone")
        ahead, back = (None, None) if carry is None else carry
        ahead, outputs = self.forward(x, ahead, mask, segments=segments, train=train)
        back, reversed_outputs = self.backward(x, back, mask, segments=segments, train=train)
        return (ahead, back), jnp.concatenate([outputs, reversed_outputs], axis=-1)


class Stack(nn.Module):
    """Layers one on the other, with dropout between them: `-> (carries, outputs [B, T, H])`.

    layers: what `RNN` and `Bidirectional` are; one that stands there twice shares its weights.
    dropout: a module called with `train` on the outputs of each layer but the last; None: nothing.
    """

    layers: Sequence[nn.Module]
    dropout: nn.Module | None = None

    def __call__(
        self,
        x: Array,
        carry: Sequence[Any] | None = None,
        mask: Array | None = None,
        *,
        segments: Array | None = None,
        train: bool = False,
    ) -> tuple[tuple[Any, ...], Array]:
        before = [None] * len(self.layers) if carry is None else carry
        after = []
        for number, (layer, state) in enumerate(zip(self.layers, before, strict=True)):
            if number and self.dropout is not None:
                x = self.dropout(x, train=train)
            state, x = layer(x, state, mask, segments=segments, train=train)
            after.append(state)
        return tuple(after), x
