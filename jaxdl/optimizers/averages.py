"""Exponentially weighted averages of trees, raw and bias-corrected (Kingma & Ba 2015, §3)."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.types import Array, PyTree

Scalar = float | Array
"""A hyperparameter: a number, or a scalar array that may be traced."""


def accumulator_dtype(leaf: ArrayLike) -> Any:
    """The dtype in which a leaf is averaged: its own, but at least float32.

    In bfloat16 a decay of 0.999 rounds to 1, and an average of it never forgets.
    Raises TypeError for a leaf that is not real floating point.
    """
    dtype = jnp.result_type(leaf)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"an optimizer needs real floating-point leaves, got {dtype}")
    return jnp.promote_types(dtype, jnp.float32)


def accumulators(tree: PyTree, fill: Scalar = 0.0) -> PyTree:
    """A tree of the same shapes filled with `fill`, in accumulator dtypes."""
    return jax.tree.map(lambda leaf: jnp.full_like(leaf, fill, accumulator_dtype(leaf)), tree)


def widened(tree: PyTree) -> PyTree:
    """The tree in accumulator dtypes; float32 and float64 leaves pass as they are."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, accumulator_dtype(leaf)), tree)


def cast_like(tree: PyTree, like: PyTree) -> PyTree:
    """The tree with every leaf in the dtype of its counterpart in `like`."""
    return jax.tree.map(lambda leaf, target: leaf.astype(jnp.result_type(target)), tree, like)


def ema(values: PyTree, average: PyTree, decay: Scalar) -> PyTree:
    """One step of the biased average, `v_t = β v_{t−1} + (1 − β) θ_t`, leaf by leaf.

    values: θ_t; average: v_{t−1}, a tree of arrays of the same shapes, zeros at the start
    (`accumulators`); decay: β in [0, 1), a scalar. The result has the dtypes of `average`.
    Weights reach back about 1 / (1 − β) steps; at step t they sum to 1 − β^t (`debias`).
    """

    def leaf(value: ArrayLike, old: Array) -> Array:
        keep, take = jnp.asarray(decay, old.dtype), jnp.asarray(1 - decay, old.dtype)
        return keep * old + take * jnp.asarray(value, old.dtype)

    return jax.tree.map(leaf, values, average)


def weight_sum(decay: Scalar, count: Scalar) -> Array:
    """The sum of the weights of an average of `count` values, `1 − β^t`: a scalar."""
    return jnp.asarray(1 - decay**count)


def debias(average: PyTree, decay: Scalar, count: Scalar) -> PyTree:
    """The bias-corrected average, `v̂_t = v_t / (1 − β^t)`, after `count` ≥ 1 values."""
    total = weight_sum(decay, count)
    return jax.tree.map(lambda leaf: leaf / total.astype(leaf.dtype), average)
