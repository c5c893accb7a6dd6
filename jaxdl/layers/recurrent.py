"""Recurrent layers over whole sequences, with a backward pass that is fast on every backend.

What the inputs contribute is one matrix product before the loop; of the way back only the gradient
of the state is in the loop, and that of the weights is one matrix product after it, as cuDNN does.
Back-propagation through time: Werbos 1990, https://doi.org/10.1109/5.58337
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.initializers import side_by_side
from jaxdl.layers.cells import LSTM, Carry, Cell, Weights, first_bias
from jaxdl.layers.dropout import is_zero
from jaxdl.types import Array


class RNN(nn.Module):
    """One direction of one layer: `(x [B, T, D], ...) -> (carry, outputs [B, T, H])`.

    features: H. reverse: time runs backwards; outputs stay where their inputs are.
    recurrent_dropout: rate of a mask on h that is the same at all steps (Gal & Ghahramani 2016,
        https://arxiv.org/abs/1512.05287), from the `dropout` key; may be traced.
    carry: the states to begin with, `[B, H]` each; default: zeros.
    mask `[B, T]`: where it is 0 the carry stays and the output is 0, whatever x holds, so that
        nothing depends on padding. The carry that is returned is that after the last real step.
    Params: `kernel [D, G·H]`, `recurrent_kernel [H, G·H]`, `bias [G·H]` and the cell's own weights.
    kernel_init, recurrent_init: of each gate, a matrix `[D, H]` or `[H, H]` of its own.
    Reverse-mode derivatives of any order; forward mode (`jax.jvp`) is not defined.
    """

    features: int
    cell: Cell = LSTM
    reverse: bool = False
    recurrent_dropout: ArrayLike = 0.0
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    recurrent_init: Callable[..., Array] = nn.initializers.orthogonal()

    @nn.compact
    def __call__(
        self,
        x: Array,
        carry: Carry | None = None,
        mask: Array | None = None,
        *,
        train: bool = False,
    ) -> tuple[Carry, Array]:
        if x.ndim != 3:
            raise ValueError(f"a recurrent layer takes [batch, time, features], not {x.shape}")
        cell, batch, width = self.cell, x.shape[0], self.features
        kernel = self.param(
            "kernel", side_by_side(self.kernel_init, cell.gates), (x.shape[-1], cell.gates * width)
        )
        recurrent = self.param(
            "recurrent_kernel",
            side_by_side(self.recurrent_init, cell.gates),
            (width, cell.gates * width),
        )
        bias = self.param("bias", first_bias(cell), (cell.gates * width,))
        own = {
            name: self.param(name, nn.initializers.zeros, (rows, width))
            for name, rows in cell.weights
        }
        if mask is not None:
            mask = (jnp.swapaxes(mask, 0, 1) != 0)[..., None]
            x = jnp.where(jnp.swapaxes(mask, 0, 1), x, 0)
        # Rows side by side: the gradient of a product over two axes is slow on CPU.
        rows = jnp.swapaxes(x, 0, 1).reshape(-1, x.shape[-1])
        inputs = (rows @ kernel + bias[None]).reshape(-1, batch, cell.gates * width)
        if carry is None:
            carry = (jnp.zeros((batch, width)),) * cell.states
        kept = None
        if train and not is_zero(self.recurrent_dropout):
            share = 1 - jnp.asarray(self.recurrent_dropout)
            drawn = jax.random.uniform(self.make_rng("dropout"), (batch, width)) < share
            kept = drawn / jnp.where(share > 0, share, 1)
        one = jnp.result_type(inputs, recurrent)
        recurrent, own, carry, kept = jax.tree.map(
            lambda value: value.astype(one), (recurrent, own, carry, kept)
        )
        carry, outputs = unroll(
            cell,
            inputs.astype(one),
            recurrent,
            own,
            carry,
            mask=mask,
            kept=kept,
            reverse=self.reverse,
        )
        return carry, jnp.swapaxes(outputs, 0, 1)


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
        train: bool = False,
    ) -> tuple[tuple[Carry, Carry], Array]:
        if self.forward.reverse or not self.backward.reverse:
            raise ValueError("a bidirectional layer needs its backward layer reversed, alone")
        ahead, back = (None, None) if carry is None else carry
        ahead, outputs = self.forward(x, ahead, mask, train=train)
        back, reversed_outputs = self.backward(x, back, mask, train=train)
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
        train: bool = False,
    ) -> tuple[tuple[Any, ...], Array]:
        before = [None] * len(self.layers) if carry is None else carry
        after = []
        for number, (layer, state) in enumerate(zip(self.layers, before, strict=True)):
            if number and self.dropout is not None:
                x = self.dropout(x, train=train)
            state, x = layer(x, state, mask, train=train)
            after.append(state)
        return tuple(after), x


def unroll(
    cell: Cell,
    inputs: Array,
    recurrent: Array,
    weights: Weights,
    carry: Carry,
    *,
    mask: Array | None = None,
    kept: Array | None = None,
    reverse: bool = False,
) -> tuple[Carry, Array]:
    """A cell over time: `inputs [T, B, G·H]`, `recurrent [H, G·H]` to (carry, `h [T, B, H]`).

    All floats have one dtype.
    mask: `[T, B, 1]` booleans: where False the carry stays and h is given as 0.
    kept: `[B, H]` factors of h where it meets `recurrent`, the same at all steps.
    """
    return _unroll(cell, reverse, inputs, recurrent, weights, carry, mask, kept)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _unroll(
    cell: Cell,
    reverse: bool,
    inputs: Array,
    recurrent: Array,
    weights: Weights,
    carry: Carry,
    mask: Array | None,
    kept: Array | None,
) -> tuple[Carry, Array]:
    return _forward(cell, reverse, inputs, recurrent, weights, carry, mask, kept)[0]


def _forward(
    cell: Cell,
    reverse: bool,
    inputs: Array,
    recurrent: Array,
    weights: Weights,
    carry: Carry,
    mask: Array | None,
    kept: Array | None,
) -> tuple[tuple[Carry, Array], tuple[Any, ...]]:
    def step(carry: Carry, now: tuple[Array, Array | None]) -> tuple[Carry, tuple[Carry, Any]]:
        a, real = now
        after, saved = cell.forward(weights, carry, a, _seen(carry[0], kept) @ recurrent)
        after = _held(real, after, carry)
        return after, (after, saved)

    last, (states, saved) = jax.lax.scan(step, carry, (inputs, mask), reverse=reverse)
    residuals = recurrent, weights, carry, mask, kept, states, saved
    return (last, _masked(mask, states[0])), residuals


def _backward(
    cell: Cell, reverse: bool, residuals: tuple[Any, ...], gradients: tuple[Carry, Array]
) -> tuple[Any, ...]:
    recurrent, weights, carry, mask, kept, states, saved = residuals
    d_last, d_outputs = gradients
    d_outputs = _masked(mask, d_outputs)
    earlier = tuple(
        jnp.concatenate([state, first[None]])[1:]
        if reverse
        else jnp.concatenate([first[None], state])[:-1]
        for first, state in zip(carry, states, strict=True)
    )

    def step(running: tuple[Carry, Any], now: tuple[Any, ...]) -> tuple[Any, Any]:
        (d_after, d_shared), (d_output, real, before, after, kept_back) = running, now
        d_after = (d_after[0] + d_output, *d_after[1:])
        felt = tuple(_masked(real, gradient) for gradient in d_after)
        d_own, d_before, da, du = cell.backward(weights, kept_back, before, after, felt)
        through = du @ recurrent.T
        d_before = (d_before[0] + _seen(through, kept), *d_before[1:])
        # All of it is linear in what is felt: 0 where the step was no step.
        both = (da,) if du is da else (da, du)
        d_shared = jax.tree.map(
            jnp.add, d_shared, (d_own, None if kept is None else before[0] * through)
        )
        return (_held(real, d_before, d_after), d_shared), both

    zeros = jax.tree.map(jnp.zeros_like, (weights, kept))
    (d_carry, (d_weights, d_kept)), both = jax.lax.scan(
        step, (d_last, zeros), (d_outputs, mask, earlier, states, saved), reverse=not reverse
    )
    du = both[-1].reshape(-1, recurrent.shape[1])
    d_recurrent = _seen(earlier[0], kept).reshape(-1, recurrent.shape[0]).T @ du
    return both[0], d_recurrent, d_weights, d_carry, None, d_kept


_unroll.defvjp(_forward, _backward)


def _seen(h: Array, kept: Array | None) -> Array:
    return h if kept is None else h * jnp.broadcast_to(kept, h.shape)


def _held(real: Array | None, new: tuple[Array, ...], old: tuple[Array, ...]) -> Carry:
    if real is None:
        return new
    return tuple(jnp.where(real, *pair) for pair in zip(new, old, strict=True))


def _masked(mask: Array | None, values: Array) -> Array:
    return values if mask is None else jnp.where(mask, values, 0)
