"""Recurrent cells: what one time step does, and how its gradient is pulled back.

The state h `[B, H]` comes first in the carry, a tuple. With a = x W + b `[B, G·H]` from the input
and u = h U `[B, G·H]` from the state, in the order of the gates:

    ELMAN        h' = tanh(a + u)                                               Elman 1990
    LSTM         i, f, g, o = σ, σ, tanh, σ of a + u                            Hochreiter 1997
                 c' = f ⊙ c + i ⊙ g,   h' = o ⊙ tanh(c')                        Gers et al. 2000
    PEEPHOLE     LSTM in which i and f see c, and o sees c'                     Gers et al. 2002
    COUPLED      f, g, o and i = 1 − f                                          Greff et al. 2017
    NORMED       LSTM of LN(a) + LN(u) + b, with h' = o ⊙ tanh(LN(c'))          Ba et al. 2016
    GRU          r, z = σ(a + u),   n = tanh(a + r ⊙ (u + b_n))                 Cho et al. 2014
                 h' = (1 − z) ⊙ n + z ⊙ h
    MINIMAL_GRU  f = σ(a + u),   n = tanh(a + f ⊙ u)                            Zhou et al. 2016
                 h' = (1 − f) ⊙ h + f ⊙ n

LSTM and GRU have torch's order of gates. The two GRUs reset after the product with U, as cuDNN.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.numerics import narrowed, wide
from jaxdl.types import Array

Carry = tuple[Array, ...]
Weights = dict[str, Array]


class Cell(NamedTuple):
    """One step on `[B, ...]`, pure.

    gates: G. states: arrays `[B, H]` in the carry, h first.
    weights: names of the cell's own weights and how many rows of H they have.
    forward: `(weights, carry, a, u) -> (carry, saved)`, with whatever the way back needs.
    backward: `(weights, saved, before, after, d_after) -> (d_weights, d_before, da, du)`, `before`
        and `after` being carries. A cell that only adds a and u gives the very same array for both.
    forget: the gate whose bias starts at 1, so that a new cell remembers (Gers et al. 2000).
    """

    gates: int
    states: int
    weights: tuple[tuple[str, int], ...]
    forward: Callable[[Weights, Carry, Array, Array], tuple[Carry, Any]]
    backward: Callable[[Weights, Any, Carry, Carry, Carry], tuple[Weights, Carry, Array, Array]]
    forget: int | None = None


def _derived(step: Callable[[Weights, Carry, Array], Carry]) -> dict[str, Any]:
    """Both directions of `(weights, carry, a + u) -> carry`, the way back derived by JAX."""

    def forward(weights: Weights, carry: Carry, a: Array, u: Array) -> tuple[Carry, Array]:
        return step(weights, carry, a + u), a + u

    def backward(
        weights: Weights, total: Array, before: Carry, after: Carry, d_after: Carry
    ) -> tuple[Weights, Carry, Array, Array]:
        d_weights, d_before, d_total = jax.vjp(step, weights, before, total)[1](d_after)
        return d_weights, d_before, d_total, d_total

    return {"forward": forward, "backward": backward}


def _elman(weights: Weights, carry: Carry, a: Array, u: Array) -> tuple[Carry, None]:
    return (jnp.tanh(a + u),), None


def _elman_back(
    weights: Weights, saved: None, before: Carry, after: Carry, d_after: Carry
) -> tuple[Weights, Carry, Array, Array]:
    total = d_after[0] * (1 - jnp.square(after[0]))
    return {}, (jnp.zeros_like(total),), total, total


def _lstm(weights: Weights, carry: Carry, a: Array, u: Array) -> tuple[Carry, Carry]:
    i, f, g, o = jnp.split(a + u, 4, axis=-1)
    i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
    c = f * carry[1] + i * g
    return (o * jnp.tanh(c), c), (i, f, g, o)


def _lstm_back(
    weights: Weights, saved: Carry, before: Carry, after: Carry, d_after: Carry
) -> tuple[Weights, Carry, Array, Array]:
    i, f, g, o = saved
    dh, dc = d_after
    squashed = jnp.tanh(after[1])
    dc = dc + dh * o * (1 - jnp.square(squashed))
    total = jnp.concatenate(
        [
            dc * g * i * (1 - i),
            dc * before[1] * f * (1 - f),
            dc * i * (1 - jnp.square(g)),
            dh * squashed * o * (1 - o),
        ],
        axis=-1,
    )
    return {}, (jnp.zeros_like(dh), dc * f), total, total


def _peephole(weights: Weights, carry: Carry, total: Array) -> Carry:
    i, f, g, o = jnp.split(total, 4, axis=-1)
    of_i, of_f, of_o = weights["peepholes"][:, None]
    c = carry[1]
    after = jax.nn.sigmoid(f + of_f * c) * c + jax.nn.sigmoid(i + of_i * c) * jnp.tanh(g)
    return jax.nn.sigmoid(o + of_o * after) * jnp.tanh(after), after


def _coupled(weights: Weights, carry: Carry, total: Array) -> Carry:
    f, g, o = jnp.split(total, 3, axis=-1)
    f = jax.nn.sigmoid(f)
    c = f * carry[1] + (1 - f) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def _normed(weights: Weights, carry: Carry, a: Array, u: Array) -> Carry:
    rows = weights["norms"]
    of_a, of_u, shift = (rows[n : n + 4].reshape(1, -1) for n in (0, 4, 8))
    of_c, shift_of_c = rows[12:13], rows[13:14]
    i, f, g, o = jnp.split(
        _standardized(a) * (1 + of_a) + _standardized(u) * (1 + of_u) + shift, 4, axis=-1
    )
    c = jax.nn.sigmoid(f + 1) * carry[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(_standardized(c) * (1 + of_c) + shift_of_c), c


def _standardized(x: Array) -> Array:
    """Each row, of mean 0 and deviation 1."""
    (z,) = wide(x)
    z = z - z.mean(axis=-1, keepdims=True)
    return narrowed(z * jax.lax.rsqrt(jnp.square(z).mean(axis=-1, keepdims=True) + 1e-5), x)


def _normed_forward(weights: Weights, carry: Carry, a: Array, u: Array) -> tuple[Carry, Carry]:
    return _normed(weights, carry, a, u), (a, u)


def _normed_back(
    weights: Weights, saved: Carry, before: Carry, after: Carry, d_after: Carry
) -> tuple[Weights, Carry, Array, Array]:
    return jax.vjp(_normed, weights, before, *saved)[1](d_after)


def _gru(weights: Weights, carry: Carry, a: Array, u: Array) -> tuple[Carry, Carry]:
    (ar, az, an), (ur, uz, un) = jnp.split(a, 3, axis=-1), jnp.split(u, 3, axis=-1)
    r, z, inner = jax.nn.sigmoid(ar + ur), jax.nn.sigmoid(az + uz), un + weights["inner_bias"]
    n = jnp.tanh(an + r * inner)
    return (n + z * (carry[0] - n),), (r, z, n, inner)


def _gru_back(
    weights: Weights, saved: Carry, before: Carry, after: Carry, d_after: Carry
) -> tuple[Weights, Carry, Array, Array]:
    (r, z, n, inner), (dh,) = saved, d_after
    dn = dh * (1 - z) * (1 - jnp.square(n))
    dr, dz = dn * inner * r * (1 - r), dh * (before[0] - n) * z * (1 - z)
    d_inner = dn * r
    da = jnp.concatenate([dr, dz, dn], axis=-1)
    du = jnp.concatenate([dr, dz, d_inner], axis=-1)
    return {"inner_bias": d_inner.sum(axis=0, keepdims=True)}, (dh * z,), da, du


def _minimal_gru(weights: Weights, carry: Carry, a: Array, u: Array) -> tuple[Carry, Carry]:
    (af, an), (uf, un) = jnp.split(a, 2, axis=-1), jnp.split(u, 2, axis=-1)
    f = jax.nn.sigmoid(af + uf)
    n = jnp.tanh(an + f * un)
    return (carry[0] + f * (n - carry[0]),), (f, n, un)


def _minimal_gru_back(
    weights: Weights, saved: Carry, before: Carry, after: Carry, d_after: Carry
) -> tuple[Weights, Carry, Array, Array]:
    (f, n, un), (dh,) = saved, d_after
    dn = dh * f * (1 - jnp.square(n))
    df = (dh * (n - before[0]) + dn * un) * f * (1 - f)
    da, du = jnp.concatenate([df, dn], axis=-1), jnp.concatenate([df, dn * f], axis=-1)
    return {}, (dh * (1 - f),), da, du


def first_bias(cell: Cell) -> Callable[..., Array]:
    """Initializer of the biases `[G·H]`: zeros, ones for the gate that forgets."""

    def init(key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
        bias = jnp.zeros((cell.gates, shape[0] // cell.gates), dtype)
        return (bias if cell.forget is None else bias.at[cell.forget].set(1)).ravel()

    return init


ELMAN = Cell(1, 1, (), _elman, _elman_back)
"""The simple recurrent cell, of one gate and no memory beside its state (Elman 1990)."""
LSTM = Cell(4, 2, (), _lstm, _lstm_back, forget=1)
"""Long short-term memory with a forget gate (Hochreiter 1997, Gers et al. 2000)."""
PEEPHOLE = Cell(4, 2, (("peepholes", 3),), **_derived(_peephole), forget=1)
"""LSTM whose gates see its memory too (Gers et al. 2002)."""
COUPLED = Cell(3, 2, (), **_derived(_coupled), forget=0)
"""LSTM that writes as much as it forgets, i = 1 − f (Greff et al. 2017)."""
NORMED = Cell(4, 2, (("norms", 14),), _normed_forward, _normed_back)
"""LSTM with layer normalization (Ba, Kiros & Hinton 2016, equations 20 to 22; ε is 1e-5). Its rows:
γ − 1 of a and of u and b of the gates, four each, then γ − 1 and shift of c'. To f 1 is added."""
GRU = Cell(3, 1, (("inner_bias", 1),), _gru, _gru_back)
"""Gated recurrent unit, reset after the product with U (Cho et al. 2014)."""
MINIMAL_GRU = Cell(2, 1, (), _minimal_gru, _minimal_gru_back)
"""GRU of one gate, which both resets and updates (Zhou et al. 2016)."""

CELLS = {
    "elman": ELMAN,
    "lstm": LSTM,
    "peephole": PEEPHOLE,
    "coupled": COUPLED,
    "normed": NORMED,
    "gru": GRU,
    "minimal_gru": MINIMAL_GRU,
}
"""The cells by name."""
