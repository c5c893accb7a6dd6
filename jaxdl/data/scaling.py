"""Inputs as a network likes them: one-hot, counts, and scaling fitted on the training split."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.check import check_finite
from jaxdl.data.errors import DataError
from jaxdl.types import Array

_PIECE = 1 << 16
"""Numbers that are taken to float64 at once: they fit into the cache of a core."""


def one_hot(labels: Array, num_classes: int) -> Array:
    """Labels `[...]` as unit vectors `[..., num_classes]`, float32; zeros where out of range."""
    return jax.nn.one_hot(labels, num_classes, dtype=jnp.float32)


def multi_hot_counts(ids: Array, size: int, mask: Array | None = None) -> Array:
    """How often each id occurs in each row: `[B, T]` integers to float32 `[B, size]`.

    mask: `[B, T]`, the weight of each position (0 is padding); ids out of range are not counted.
    """
    weights = jnp.ones(ids.shape, jnp.float32) if mask is None else mask.astype(jnp.float32)
    # A negative index would count from the end: send it past the end, where it is dropped.
    ids = jnp.where(ids < 0, size, ids.astype(jnp.int32))
    rows = jnp.arange(ids.shape[0])[:, None]
    return jnp.zeros((ids.shape[0], size), jnp.float32).at[rows, ids].add(weights, mode="drop")


class Scaling(NamedTuple):
    """`(x − mean) / scale`; float64 arrays whose axes are the last ones of one example, or none."""

    mean: Array | np.ndarray
    scale: Array | np.ndarray


def apply(scaling: Scaling, x: Any) -> Any:
    """Scaled `x` as float32, of the same shape: one example or any leading batch axes.

    NumPy arrays of any real dtype stay on the host, where all is reckoned in float64 and rounded
    once, at the end: 1,000 values around 1e8 stay 1,000. JAX arrays (traced ones too) stay on
    their device, where float32 is the widest there is unless `jax_enable_x64` is set: `x` and the
    statistics are rounded to it first. Scale on the host what needs more than its 24 bits.
    Raises ValueError where the scaling is of another shape than one example.
    """
    x = x if isinstance(x, jax.Array) else np.asarray(x)
    for part in scaling:
        if x.shape[max(x.ndim - part.ndim, 0) :] != part.shape:
            raise ValueError(f"x has shape {x.shape}, the scaling is of {part.shape}")
    mean, scale = scaling
    if any(isinstance(array, jax.Array) for array in (x, mean, scale)):
        wide = jnp.result_type(float)
        ones = (1,) * x.ndim
        mean, scale = (p.reshape(ones[p.ndim :] + p.shape).astype(wide) for p in scaling)
        return ((x.astype(wide) - mean) / scale).astype(np.float32)
    # Batch axes are one, so that any number of them is taken to float64 piece by piece.
    rows = x.reshape(-1, *x.shape[x.ndim - max(mean.ndim, scale.ndim) :])
    scaled = np.empty(rows.shape, np.float32)
    for piece in _pieces(rows):
        scaled[piece] = (rows[piece].astype(np.float64) - mean) / scale
    return scaled.reshape(x.shape)


def fit_none(x: np.ndarray) -> Scaling:
    """Mean 0, scale 1: only the conversion to float32 is left."""
    return Scaling(np.zeros(()), np.ones(()))


def fit_max(x: np.ndarray) -> Scaling:
    """Mean 0, scale max |x|: 255 for bytes that use their range, 16 for the digits."""
    check_finite("scaling", "x", x)
    largest = max(abs(float(x.max())), abs(float(x.min())))
    return Scaling(np.zeros(()), np.asarray(largest or 1.0))


def fit_whole(x: np.ndarray) -> Scaling:
    """One mean and one standard deviation of the whole tensor, both of shape []."""
    return _standardize(x, tuple(range(x.ndim)))


def fit_per_channel(x: np.ndarray) -> Scaling:
    """Mean and standard deviation of each channel, the last axis of `x: [N, ..., C]`; shape [C]."""
    return _standardize(x, tuple(range(x.ndim - 1)))


def fit_per_column(x: np.ndarray) -> Scaling:
    """Mean and standard deviation of each feature over the examples; `x: [N, ...]`, shape [...]."""
    return _standardize(x, (0,))


def fit_centre(x: np.ndarray) -> Scaling:
    """The mean of each feature over the examples, and scale 1; `x: [N, ...]`, shapes [...]."""
    mean, _ = _standardize(x, (0,))
    return Scaling(mean, np.ones(np.shape(mean)))


SCALINGS: dict[str, Callable[[np.ndarray], Scaling]] = {
    "none": fit_none,
    "max": fit_max,
    "whole": fit_whole,
    "per_channel": fit_per_channel,
    "per_column": fit_per_column,
    "centre": fit_centre,
}
"""Fits by name, all in float64. Fit on the training split, apply to all splits.

They raise DataError naming the first row, and the columns, of values that are not finite.
"""


def _standardize(x: np.ndarray, axes: tuple[int, ...]) -> Scaling:
    """Biased deviation, as scikit-learn's StandardScaler; 1 where a value never changes."""
    x = np.asarray(x)
    check_finite("scaling", "x", x)
    mean = x.mean(axes, dtype=np.float64)
    count = x.size / mean.size
    rest, squares = np.zeros((2, *mean.shape))
    for piece in _pieces(x):
        away = x[piece] - mean
        rest += away.sum(axes)
        squares += (away**2).sum(axes)
    # What the sum over many rows has lost of the mean, once more from numbers near 0.
    rest /= count
    mean = mean + rest
    deviation = np.sqrt(np.maximum(squares / count - rest**2, 0))
    if not np.isfinite(deviation).all():
        raise DataError("scaling: the squares of x are beyond float64, divide it by a number first")
    # Compared exactly: rounding of the mean leaves a constant column a deviation just above zero.
    constant = x.max(axes) == x.min(axes)
    constant |= deviation < np.finfo(np.float32).tiny  # a device would divide by zero
    return Scaling(np.asarray(mean), np.where(constant, 1.0, deviation))


def _pieces(x: np.ndarray) -> Iterator[slice]:
    """Rows of `x` that are taken to float64 at once: little memory beside the data."""
    step = -(-_PIECE // max(math.prod(x.shape[1:]), 1))
    return (slice(start, start + step) for start in range(0, len(x), step))
