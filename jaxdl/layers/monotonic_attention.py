"""Attention that only moves forward. Raffel et al. 2017, https://arxiv.org/abs/1704.00784

At output step i the head goes on from where it stopped before, t_{i−1}, and stops at position j
with the probability p_ij. The probability of stopping there, in expectation over all walks, is

    α_ij = p_ij q_ij,   q_ij = (1 − p_i,j−1) q_i,j−1 + α_i−1,j,   α_0 = (1, 0, 0, ...)

which is what the model is trained with; afterwards the walk is made: the first j ≥ t_{i−1} with
p_ij > 1/2. (The paper's walk takes T + S steps in all; here each output step looks at all S.) A
head that walks past the end sees nothing from then on, and a row of α adds up to less than 1. The
recursion over j is linear, so an associative scan does it, without the divisions by vanishing
products that the paper's cumulative form needs. Probabilities are computed and given in float32 at
least; what is read has the dtype of the values.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from jaxdl.layers.attention import Memory, weighted_sum
from jaxdl.layers.dropout import is_zero
from jaxdl.layers.rows import by_rows
from jaxdl.numerics import cast, wide
from jaxdl.similarity import unit
from jaxdl.types import Array


class Energy(nn.Module):
    """g · v/‖v‖ · tanh(W s + V h + b) + r: the score of a query s `[B, Q]` on keys h `[B, N, K]`.

    width: of W, V and v. offset: the first r; a negative one lets the head see the whole input
    early on. g begins at 1/√width, so that the first energies differ little.
    """

    width: int
    offset: float = -1.0
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.of_query = nn.Dense(self.width, kernel_init=self.kernel_init, dtype=self.dtype)
        self.of_keys = nn.Dense(
            self.width, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype
        )
        self.v = self.param("v", nn.initializers.normal(1.0), (self.width,))
        self.g = self.param("g", nn.initializers.constant(self.width**-0.5), ())
        self.r = self.param("r", nn.initializers.constant(self.offset), ())

    def prepare(self, keys: Array) -> Array:
        """V h `[B, N, width]`, computed once for all queries."""
        return by_rows(self.of_keys, keys)

    def score(self, query: Array, prepared: Array) -> Array:
        """e `[B, N]`."""
        rows = jnp.tanh(prepared + self.of_query(query)[:, None]).reshape(-1, self.width)
        rows, direction = cast(self.dtype, rows, self.g * unit(self.v))
        return (rows @ direction).reshape(prepared.shape[:2]) + self.r


class Monotonic(nn.Module):
    """Expected weights in training, the walk of the head after it; an attention as `Soft` is.

    Its state is where the head stopped before: the weights of the step before, `[B, N]`.
    energy: of what p = σ(e) is made. noise: standard deviation of the Gaussian that is added to e
    in training, from the `dropout` key, and drives p to 0 and 1; may be traced.
    Where the memory's mask is 0 the head never stops. One that has gone past the end has weights
    and context 0.
    """

    energy: Energy
    noise: ArrayLike = 1.0

    def remember(self, values: Array, mask: Array | None) -> Memory:
        return Memory(self.energy.prepare(values), values, mask)

    def begin(self, memory: Memory) -> Array:
        (values,) = wide(memory.values)
        return jnp.zeros(values.shape[:2], values.dtype).at[:, 0].set(1)

    def __call__(
        self, state: Array, query: Array, memory: Memory, *, train: bool = False
    ) -> tuple[Array, Array, Array]:
        (e,) = wide(self.energy.score(query, memory.prepared))
        if train:
            if not is_zero(self.noise):
                e = e + self.noise * jax.random.normal(self.make_rng("dropout"), e.shape, e.dtype)
            p = jnp.where(memory.mask != 0, jax.nn.sigmoid(e), 0)
            weights = expected_step(p, state)
        else:
            weights = walk_step((e > 0) & (memory.mask != 0), state > 0).astype(e.dtype)
        return weights, weighted_sum(weights, memory.values), weights


def expected(p: Array, mask: Array | None = None) -> Array:
    """α `[..., T, S]`, the probability that step i stops at j, from p `[..., T, S]`.

    mask `[..., S]`: 0 where the head passes without stopping, so that α is exactly 0 there.
    """
    (p,) = wide(p)
    if mask is not None:
        p = jnp.where(mask[..., None, :] != 0, p, 0)

    def step(before: Array, p: Array) -> tuple[Array, Array]:
        after = expected_step(p, before)
        return after, after

    return _over_steps(step, p)


def expected_step(p: Array, before: Array) -> Array:
    """α_i `[..., S]` from p_i and α_{i−1}, for a decoder that goes step by step."""
    p, before = wide(p, before)
    passed = jnp.concatenate([jnp.zeros_like(p[..., :1]), 1 - p[..., :-1]], axis=-1)
    _, reached = jax.lax.associative_scan(_after, (passed, before), axis=-1)
    return p * reached


def walk(stops: Array) -> Array:
    """Where the head stops, unit vectors or zeros `[..., T, S]`, booleans like `stops`.

    stops: whether step i stops at j if it comes there: p > 1/2, or drawn from p.
    """

    def step(before: Array, stops: Array) -> tuple[Array, Array]:
        after = walk_step(stops, before)
        return after, after

    return _over_steps(step, jnp.asarray(stops))


def walk_step(stops: Array, before: Array) -> Array:
    """The first stop from where the last one, `before`, was; booleans `[..., S]`."""
    ahead = jnp.cumsum(before, axis=-1) > 0
    open_ = stops & ahead
    return open_ & (jnp.cumsum(open_, axis=-1) == 1)


def _over_steps(step: Callable[[Array, Array], tuple[Array, Array]], rows: Array) -> Array:
    """A step over the last axis but one, from the head at the first position."""
    by_step = jnp.moveaxis(rows, -2, 0)
    first = jnp.zeros_like(by_step[0]).at[..., 0].set(True)
    return jnp.moveaxis(jax.lax.scan(step, first, by_step)[1], 0, -2)


def _after(one: tuple[Array, Array], two: tuple[Array, Array]) -> tuple[Array, Array]:
    """x ↦ a₂(a₁x + b₁) + b₂ as (a, b)."""
    return one[0] * two[0], two[0] * one[1] + two[1]
