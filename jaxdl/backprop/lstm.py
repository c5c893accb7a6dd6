"""Back-propagation through time of an LSTM. Gers, Schmidhuber & Cummins 2000, https://doi.org/10.1162/089976600300015015

Forward, t = 1 … T, the four parts of zₜ in the order i, f, g, o:
    zₜ = xₜ U + hₜ₋₁ W + b
    i = σ(zⁱ),  f = σ(zᶠ),  g = tanh(zᵍ),  o = σ(zᵒ)
    cₜ = f ⊙ cₜ₋₁ + i ⊙ g,   hₜ = o ⊙ tanh(cₜ)
Backward, with εₜ = ∂loss/∂hₜ by the outputs of step t alone, and all that is later than T zero:
    ηₜ = εₜ + δₜ₊₁ Wᵀ                                       by hₜ
    γₜ = γₜ₊₁ ⊙ fₜ₊₁ + ηₜ ⊙ o ⊙ (1 − tanh²(cₜ))             by cₜ: the sum that does not vanish
    δⁱ = γ ⊙ g ⊙ i(1−i),   δᶠ = γ ⊙ cₜ₋₁ ⊙ f(1−f),   δᵍ = γ ⊙ i ⊙ (1−g²)
    δᵒ = η ⊙ tanh(cₜ) ⊙ o(1−o)                              together δₜ, by zₜ
    ∂loss/∂U = Σₜ xₜᵀ δₜ,   ∂loss/∂W = Σₜ hₜ₋₁ᵀ δₜ,   ∂loss/∂b = Σₜ δₜ,   ∂loss/∂xₜ = δₜ Uᵀ
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.numerics import narrowed, wide
from jaxdl.types import Array


class LSTM(NamedTuple):
    """U `[D, 4H]`, W `[H, 4H]` and b `[4H]`, or the gradients of the loss by them."""

    inputs: Array
    recurrent: Array
    bias: Array


class Step(NamedTuple):
    """What one step leaves for the backward pass; every part `[B, H]`."""

    i: Array
    f: Array
    g: Array
    o: Array
    memory: Array
    state: Array


def forward(lstm: LSTM, x: Array) -> list[Step]:
    """The steps 1 … T of inputs x `[B, T, D]`; state and memory begin at zero."""
    h = c = jnp.zeros((len(x), len(lstm.recurrent)), x.dtype)
    steps = []
    for t in range(x.shape[1]):
        z = x[:, t] @ lstm.inputs + h @ lstm.recurrent
        gates = jnp.split(z + jnp.broadcast_to(lstm.bias, z.shape), 4, axis=1)
        i, f, o = (jax.nn.sigmoid(gates[part]) for part in (0, 1, 3))
        g = jnp.tanh(gates[2])
        c = f * c + i * g
        h = o * jnp.tanh(c)
        steps.append(Step(i, f, g, o, c, h))
    return steps


def backward(lstm: LSTM, x: Array, steps: Sequence[Step], errors: Array) -> tuple[LSTM, Array]:
    """Gradients by the LSTM and by x `[B, T, D]`, from the errors ε `[B, T, H]`."""
    # Sums over the steps: bfloat16 stops adding at 256 equal terms.
    gradients = LSTM(*map(jnp.zeros_like, wide(*lstm)))
    zero = jnp.zeros_like(steps[0].state)
    by_x, by_state, by_memory = [], zero, zero
    for t in reversed(range(x.shape[1])):
        i, f, g, o, memory, _ = steps[t]
        memory_before, state_before = (
            (steps[t - 1].memory, steps[t - 1].state) if t else (zero,) * 2
        )
        by_state = errors[:, t] + by_state
        by_memory += by_state * o * (1 - jnp.tanh(memory) ** 2)
        parts = (
            by_memory * g * i * (1 - i),
            by_memory * memory_before * f * (1 - f),
            by_memory * i * (1 - g**2),
            by_state * jnp.tanh(memory) * o * (1 - o),
        )
        delta = jnp.concatenate(parts, axis=1)
        gradients = LSTM(
            gradients.inputs + x[:, t].T @ delta,
            gradients.recurrent + state_before.T @ delta,
            gradients.bias + delta.sum(axis=0),
        )
        by_x.append(delta @ lstm.inputs.T)
        by_state, by_memory = delta @ lstm.recurrent.T, by_memory * f
    gradients = LSTM(*map(narrowed, gradients, lstm))
    return gradients, jnp.stack(by_x[::-1], axis=1)
