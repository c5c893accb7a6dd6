"""Pooling over windows and over all positions, one and two dimensions.

XLA's gradient of a windowed maximum is a scatter, and that of strided slices is a sum of padded
arrays; on CPU both cost many times the forward pass. Where windows do not overlap, the gradients
here are one elementwise selection.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.numerics import narrowed, wide
from jaxdl.ops.convolution import output_size, shifts
from jaxdl.types import Array


class _Windows(NamedTuple):
    """Static: sizes of the input, of a window, its strides and positions, for each spatial axis."""

    sizes: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def apart(self) -> bool:
        """Whether they tile what they cover."""
        return self.strides == self.window


def max_pool(x: Array, window: Sequence[int], strides: Sequence[int] | None = None) -> Array:
    """Largest value of each window, no padding: `[B, *spatial, C]` to `[B, *positions, C]`.

    strides: of each axis; default: the window. The gradient goes to the first of equal values, in
    row-major order; a NaN is larger than everything. Forward mode (`jax.jvp`) is not defined.
    """
    return _max_pool(_windows(x, window, strides), x)


def avg_pool(x: Array, window: Sequence[int], strides: Sequence[int] | None = None) -> Array:
    """Mean of each window, no padding: `[B, *spatial, C]` to `[B, *positions, C]`.

    Added up in float32 at least, and given in the dtype of x; of integers, in float32.
    """
    windows = _windows(x, window, strides)
    if windows.apart:
        tiles = _covered(windows, x).reshape(_tiled(windows, len(x), x.shape[-1]))
        return tiles.mean(axis=tuple(range(2, 2 * len(windows.sizes) + 1, 2)))
    parts = _shifts(windows, *wide(x))
    return narrowed(sum(parts[1:], parts[0]) / len(parts), x)


def global_avg_pool(x: Array) -> Array:
    """Mean over all positions: `[B, *spatial, C]` to `[B, C]`, whatever the spatial sizes."""
    return x.mean(axis=tuple(range(1, x.ndim - 1)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _max_pool(windows: _Windows, x: Array) -> Array:
    return _forward(windows, x)[0]


def _forward(windows: _Windows, x: Array) -> tuple[Array, Array]:
    """The largest values, and their places in their windows."""
    parts = _shifts(windows, x)
    largest = parts[0]
    place = jnp.zeros(largest.shape, jnp.int8 if len(parts) < 128 else jnp.int32)
    for number, part in enumerate(parts[1:], start=1):
        larger = (part > largest) | (jnp.isnan(part) & ~jnp.isnan(largest))
        largest = jnp.where(larger, part, largest)
        place = jnp.where(larger, jnp.asarray(number, place.dtype), place)
    return largest, place


@functools.partial(jax.jit, static_argnums=0)
def _backward(windows: _Windows, place: Array, dy: Array) -> tuple[Array]:
    offsets = jnp.arange(math.prod(windows.window), dtype=place.dtype)
    if windows.apart:
        axes = len(windows.sizes)
        offsets = offsets.reshape(1, *(n for k in windows.window for n in (1, k)), 1)
        within = tuple(range(2, 2 * axes + 1, 2))
        place, spread = jnp.expand_dims(place, within), jnp.expand_dims(dy, within)
        tiles = jnp.where(place == offsets, spread, 0)
        covered = tiles.reshape(len(dy), *map(math.prod, _pairs(windows)), dy.shape[-1])
        rest = zip(windows.sizes, covered.shape[1:-1], strict=True)
        return (jnp.pad(covered, ((0, 0), *((0, n - m) for n, m in rest), (0, 0))),)
    zeros = jnp.zeros((len(dy), *windows.sizes, dy.shape[-1]), dy.dtype)
    _, pull = jax.vjp(lambda x: tuple(_shifts(windows, x)), zeros)
    return pull(tuple(jnp.where(place == offset, dy, 0) for offset in offsets))


_max_pool.defvjp(_forward, _backward)


def _shifts(windows: _Windows, x: Array) -> list[Array]:
    """`x` at each place of the window, every one `[B, *positions, C]`."""
    once = (1,) * len(windows.window)
    return list(shifts(x, windows.window, windows.strides, once, windows.counts))


def _covered(windows: _Windows, x: Array) -> Array:
    """`x` without what is left over at the end of each axis."""
    ends = [count * size for count, size in _pairs(windows)]
    return lax.slice(x, (0,) * x.ndim, (len(x), *ends, x.shape[-1]))


def _tiled(windows: _Windows, examples: int, channels: int) -> tuple[int, ...]:
    return (examples, *(n for pair in _pairs(windows) for n in pair), channels)


def _pairs(windows: _Windows) -> list[tuple[int, int]]:
    return list(zip(windows.counts, windows.window, strict=True))


def _windows(x: Array, window: Sequence[int], strides: Sequence[int] | None) -> _Windows:
    strides = tuple(window if strides is None else strides)
    sizes = x.shape[1:-1]
    if not len(sizes) == len(window) == len(strides):
        raise ValueError(
            f"pooling over {tuple(window)} needs [batch, positions, channels], not {x.shape}"
        )
    counts = tuple(output_size(n, k, s) for n, k, s in zip(sizes, window, strides, strict=True))
    return _Windows(sizes, tuple(window), strides, counts)
