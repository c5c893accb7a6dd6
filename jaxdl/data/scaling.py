"""Inputs as a network likes them: one-hot, counts, and scaling fitted on the training split."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.types import Array

_CHUNK = 4096
"""Rows taken to float64 at once, so that fitting needs little memory beside the data."""


def one_hot(labels: Array, num_classes: int) -> Array:
    """Labels `[...]` as unit vectors `[..., num_classes]`, float32; zeros where out of range."""
    return jax.nn.one_hot(labels, num_classes, dtype=jnp.float32)


def multi_hot_counts(ids: Array, size: int, mask: Array | None = None) -> Array:
    """How often each id occurs in each row: `[B, T]` integers to float32 `[B, size]`.

    mask: `[B, T]`, the weight of each position (0 is padding); ids out of range are not counted.
    """
    weights = jnp.ones(ids.shape, jnp.float32) if mask is None else mask.astype(jnp.float32)
    # A negative index would count from the end: send it past the end, where it is dropped.
    ids = jnp.where(ids < 0, size, ids)
    rows = jnp.arange(ids.shape[0])[:, None]
    return jnp.zeros((ids.shape[0], size), jnp.float32).at[rows, ids].add(weights, mode="drop")


class Scaling(NamedTuple):
    """`(x − mean) / scale`; float32 arrays that broadcast against one example."""

    mean: Any
    scale: Any


def apply(scaling: Scaling, x: Any) -> Any:
    """Scaled `x` as float32, of the same shape: one example or any leading batch axes.

    NumPy arrays stay on the host, JAX arrays (traced ones too) on their device.
    """
    mean, scale = (part.reshape((1,) * (x.ndim - part.ndim) + part.shape) for part in scaling)
    return (x.astype(np.float32) - mean) / scale


def fit_none(x: np.ndarray) -> Scaling:
    """Mean 0, scale 1: only the conversion to float32 is left."""
    return Scaling(np.zeros((), np.float32), np.ones((), np.float32))


def fit_max(x: np.ndarray) -> Scaling:
    """Mean 0, scale max |x|: 255 for bytes that use their range, 16 for the digits."""
    largest = max(abs(float(x.max())), abs(float(x.min())))
    return Scaling(np.zeros((), np.float32), np.asarray(largest or 1.0, np.float32))


def fit_whole(x: np.ndarray) -> Scaling:
    """One mean and one standard deviation of the whole tensor, both of shape []."""
    return _standardize(x, tuple(range(x.ndim)))


def fit_per_channel(x: np.ndarray) -> Scaling:
    """Mean and standard deviation of each channel, the last axis of `x: [N, ..., C]`; shape [C]."""
    return _standardize(x, tuple(range(x.ndim - 1)))


def fit_per_column(x: np.ndarray) -> Scaling:
    """Mean and standard deviation of each feature over the examples; `x: [N, ...]`, shape [...]."""
    return _standardize(x, (0,))


SCALINGS: dict[str, Callable[[np.ndarray], Scaling]] = {
    "none": fit_none,
    "max": fit_max,
    "whole": fit_whole,
    "per_channel": fit_per_channel,
    "per_column": fit_per_column,
}
"""Fits by name. Fit on the training split, apply to all splits."""


def _standardize(x: np.ndarray, axes: tuple[int, ...]) -> Scaling:
    """Biased deviation, as scikit-learn's StandardScaler; 1 where a value never changes."""
    x = np.asarray(x)
    mean = x.mean(axes, dtype=np.float64)
    chunks = (x[start : start + _CHUNK] for start in range(0, len(x), _CHUNK))
    squares = sum(((chunk - mean) ** 2).sum(axes) for chunk in chunks)
    deviation = np.sqrt(squares / (x.size / mean.size))
    # Compared exactly: rounding of the mean leaves a constant column a deviation just above zero.
    constant = x.max(axes) == x.min(axes)
    constant |= deviation < np.finfo(np.float32).tiny
    scale = np.where(constant, 1.0, deviation)
    return Scaling(np.asarray(mean, np.float32), np.asarray(scale, np.float32))
