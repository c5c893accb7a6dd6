"""A cell over time, with a backward pass that is fast on every backend.

Of the way back only the gradient of the state is in the loop, and that of the weights is one matrix
product after it, as cuDNN does. Back-propagation through time: Werbos 1990,
https://doi.org/10.1109/5.58337
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.layers.cells import Carry, Cell, Weights
from jaxdl.types import Array


def unroll(
    cell: Cell,
    inputs: Array,
    recurrent: Array,
    weights: Weights,
    carry: Carry,
    *,
    mask: Array | None = None,
    kept: Array | None = None,
    begins: Array | None = None,
    reverse: bool = False,
) -> tuple[Carry, Array]:
    """A cell over time: `inputs [T, B, G·H]`, `recurrent [H, G·H]` to (carry, `h [T, B, H]`).

    All floats have one dtype.
    mask: `[T, B, 1]` booleans: where False the carry stays and h is given as 0.
    kept: `[B, H]` factors of h where it meets `recurrent`, the same at all steps.
    begins: `[T, B, 1]` booleans: where True the state before the step counts as zeros.
    """
    return _unroll(cell, reverse, inputs, recurrent, weights, carry, mask, kept, begins)


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
    begins: Array | None,
) -> tuple[Carry, Array]:
    return _forward(cell, reverse, inputs, recurrent, weights, carry, mask, kept, begins)[0]


def _forward(
    cell: Cell,
    reverse: bool,
    inputs: Array,
    recurrent: Array,
    weights: Weights,
    carry: Carry,
    mask: Array | None,
    kept: Array | None,
    begins: Array | None,
) -> tuple[tuple[Carry, Array], tuple[Any, ...]]:
    def step(
        carry: Carry, now: tuple[Array, Array | None, Array | None]
    ) -> tuple[Carry, tuple[Carry, Any]]:
        a, real, begin = now
        carry = _cleared(begin, carry)
        after, saved = cell.forward(weights, carry, a, _seen(carry[0], kept) @ recurrent)
        after = _held(real, after, carry)
        return after, (after, saved)

    last, (states, saved) = jax.lax.scan(step, carry, (inputs, mask, begins), reverse=reverse)
    residuals = recurrent, weights, carry, mask, kept, begins, states, saved
    return (last, _masked(mask, states[0])), residuals


def _backward(
    cell: Cell, reverse: bool, residuals: tuple[Any, ...], gradients: tuple[Carry, Array]
) -> tuple[Any, ...]:
    recurrent, weights, carry, mask, kept, begins, states, saved = residuals
    d_last, d_outputs = gradients
    d_outputs = _masked(mask, d_outputs)
    earlier = tuple(
        jnp.concatenate([state, first[None]])[1:]
        if reverse
        else jnp.concatenate([first[None], state])[:-1]
        for first, state in zip(carry, states, strict=True)
    )
    earlier = _cleared(begins, earlier)

    def step(running: tuple[Carry, Any], now: tuple[Any, ...]) -> tuple[Any, Any]:
        (d_after, d_shared), (d_output, real, begin, before, after, kept_back) = running, now
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
        return (_cleared(begin, _held(real, d_before, d_after)), d_shared), both

    zeros = jax.tree.map(jnp.zeros_like, (weights, kept))
    (d_carry, (d_weights, d_kept)), both = jax.lax.scan(
        step,
        (d_last, zeros),
        (d_outputs, mask, begins, earlier, states, saved),
        reverse=not reverse,
    )
    du = both[-1].reshape(-1, recurrent.shape[1])
    d_recurrent = _seen(earlier[0], kept).reshape(-1, recurrent.shape[0]).T @ du
    return both[0], d_recurrent, d_weights, d_carry, None, d_kept, None


_unroll.defvjp(_forward, _backward)


def _seen(h: Array, kept: Array | None) -> Array:
    return h if kept is None else h * jnp.broadcast_to(kept, h.shape)


def _held(real: Array | None, new: tuple[Array, ...], old: tuple[Array, ...]) -> Carry:
    if real is None:
        return new
    return tuple(jnp.where(real, *pair) for pair in zip(new, old, strict=True))


def _cleared(begin: Array | None, states: Carry) -> Carry:
    return states if begin is None else tuple(jnp.where(begin, 0, state) for state in states)


def _masked(mask: Array | None, values: Array) -> Array:
    return values if mask is None else jnp.where(mask, values, 0)
