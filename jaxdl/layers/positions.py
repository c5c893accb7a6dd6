"""Positional encodings, since attention by itself knows no order.

Places are counted from 0; `at` `[B, T]` are those of the tokens, None: 0..T−1 in all rows.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.initializers import Initializer
from jaxdl.layers.embedding import lookup
from jaxdl.types import Array

Angles = tuple[Array, Array]
"""Cosine and sine, `[B or 1, T, 1, D/2]` each."""


class Positions(nn.Module):
    """What the ways have in common; each does one of the three, and nothing in the others."""

    def __call__(self, x: Array, at: Array | None = None) -> Array:
        """Embedded tokens `[B, T, D]` and their places, in one."""
        return x

    def angles(self, length: int, features: int, at: Array | None = None) -> Angles | None:
        """By which `rotated` turns queries and keys of `features` at T = `length` places."""
        return None

    def slopes(self, heads: int) -> Array | None:
        """m `[H]` of the bias −m·|t − s| of the scores."""
        return None


class NoPositions(Positions):
    """No order: an encoder is equivariant to permutations of its tokens."""


class Learned(Positions):
    """A trained vector for each place, added: a table `[length, D]`.

    ValueError for a sequence longer than the table; a place past it that is only known when it runs
    gives NaN.
    """

    length: int
    embedding_init: Initializer = nn.initializers.normal(0.02)

    @nn.compact
    def __call__(self, x: Array, at: Array | None = None) -> Array:
        if x.shape[1] > self.length:
            raise ValueError(
                f"a sequence of {x.shape[1]} tokens is longer than the {self.length} learned "
                "positions: raise the model's length, or cut the sequence"
            )
        table = self.param("embedding", self.embedding_init, (self.length, x.shape[-1]))
        places = jnp.asarray(table)[: x.shape[1]][None] if at is None else lookup(table, at)
        return x + jnp.broadcast_to(places.astype(x.dtype), x.shape)


class Sinusoidal(Positions):
    """sin(t·ω) and cos(t·ω) side by side, ω_i = base^(−2i/D), added (Vaswani et al. 2017).

    ValueError for an odd D.
    """

    base: float = 10_000.0

    @nn.compact
    def __call__(self, x: Array, at: Array | None = None) -> Array:
        phases = _phases(x.shape[1], x.shape[-1], self.base, at)
        # sin and cos take turns, as in the paper.
        waves = jnp.stack([jnp.sin(phases), jnp.cos(phases)], axis=-1)
        waves = waves.reshape(*phases.shape[:2], x.shape[-1]).astype(x.dtype)
        return x + jnp.broadcast_to(waves, x.shape)


class Rotary(Positions):
    """Queries and keys turned by t·ω, so that scores know t − s. Su et al. 2021, https://arxiv.org/abs/2104.09864

    Number i of the first half of a head is paired with number i of the second, as in GPT-NeoX.
    ValueError for heads of an odd width.
    """

    base: float = 10_000.0

    def angles(self, length: int, features: int, at: Array | None = None) -> Angles:
        phases = _phases(length, features, self.base, at)[:, :, None]
        return jnp.cos(phases), jnp.sin(phases)


class ALiBi(Positions):
    """Scores less m·|t − s|, m = 2^(−8h/H) for head h = 1..H. Press et al. 2022, https://arxiv.org/abs/2108.12409

    For H that is no power of two: the slopes of the next lower one, P, and every second of 2·P.
    """

    def slopes(self, heads: int) -> Array:
        lower = 2 ** math.floor(math.log2(heads))
        found = [2 ** (-8 * (h + 1) / lower) for h in range(lower)]
        found += [2 ** (-4 * (2 * h + 1) / lower) for h in range(heads - lower)]
        return jnp.asarray(found, jnp.float32)


def rotated(x: Array, angles: Angles | None) -> Array:
    """`x [B, T, H, D]` turned by angles, in float32 at least, and in its dtype again."""
    if angles is None:
        return x
    first, second = jnp.split(x, 2, axis=-1)
    cos, sin = (jnp.broadcast_to(part, first.shape) for part in angles)
    turned = [first * cos - second * sin, second * cos + first * sin]
    return jnp.concatenate(turned, axis=-1).astype(x.dtype)


def places_in(segments: Array) -> Array:
    """The place of each token in its own segment, `[B, T]` to `[B, T]`; segments are contiguous."""
    index = jnp.broadcast_to(jnp.arange(segments.shape[1])[None], segments.shape)
    begins = jnp.pad(segments[:, 1:] != segments[:, :-1], ((0, 0), (1, 0)))
    return index - jax.lax.cummax(jnp.where(begins, index, 0), axis=1)


def _phases(length: int, features: int, base: float, at: Array | None) -> Array:
    """t·ω_i, `[B or 1, T, D/2]`."""
    if features % 2:
        raise ValueError(f"positions by angles need an even width, not {features}")
    places = jnp.arange(length)[None] if at is None else at
    frequencies = base ** (-jnp.arange(0, features, 2) / features)
    return places[..., None].astype(jnp.float32) * frequencies[None, None]
