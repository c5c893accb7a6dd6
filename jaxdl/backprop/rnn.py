"""Back-propagation through time of Elman's network. Elman 1990; Werbos 1990, https://doi.org/10.1109/5.58337

Forward, t = 1 … T:   hₜ = tanh(xₜ U + hₜ₋₁ W + b).
Backward, with εₜ = ∂loss/∂hₜ by the outputs of step t alone, and δₜ = ∂loss/∂(xₜ U + hₜ₋₁ W + b):
    δₜ = (εₜ + δₜ₊₁ Wᵀ) ⊙ (1 − hₜ²),   δ_{T+1} = 0
    ∂loss/∂U = Σₜ xₜᵀ δₜ,   ∂loss/∂W = Σₜ hₜ₋₁ᵀ δₜ,   ∂loss/∂b = Σₜ δₜ
    ∂loss/∂xₜ = δₜ Uᵀ,   ∂loss/∂h₀ = δ₁ Wᵀ
"""

from typing import NamedTuple

import jax.numpy as jnp

from jaxdl.numerics import narrowed, wide
from jaxdl.types import Array


class Elman(NamedTuple):
    """U `[D, H]`, W `[H, H]` and b `[H]`, or the gradients of the loss by them."""

    inputs: Array
    recurrent: Array
    bias: Array


def forward(cell: Elman, x: Array, first: Array) -> Array:
    """States h₁ … h_T `[B, T, H]` of inputs x `[B, T, D]` and the state h₀ `[B, H]` before them."""
    states, h = [], first
    for t in range(x.shape[1]):
        bias = jnp.broadcast_to(cell.bias, h.shape)
        h = jnp.tanh(x[:, t] @ cell.inputs + h @ cell.recurrent + bias)
        states.append(h)
    return jnp.stack(states, axis=1)


def backward(
    cell: Elman, x: Array, first: Array, states: Array, errors: Array
) -> tuple[Elman, Array, Array]:
    """Gradients by the cell, x `[B, T, D]` and h₀ `[B, H]`, from the errors ε `[B, T, H]`."""
    # Sums over the steps: bfloat16 stops adding at 256 equal terms.
    gradients = Elman(*map(jnp.zeros_like, wide(*cell)))
    by_x, from_later = [], jnp.zeros_like(first)
    for t in reversed(range(x.shape[1])):
        before = states[:, t - 1] if t else first
        delta = (errors[:, t] + from_later) * (1 - states[:, t] ** 2)
        gradients = Elman(
            gradients.inputs + x[:, t].T @ delta,
            gradients.recurrent + before.T @ delta,
            gradients.bias + delta.sum(axis=0),
        )
        by_x.append(delta @ cell.inputs.T)
        from_later = delta @ cell.recurrent.T
    gradients = Elman(*map(narrowed, gradients, cell))
    return gradients, jnp.stack(by_x[::-1], axis=1), from_later
