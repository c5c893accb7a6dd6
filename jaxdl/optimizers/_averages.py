"""Exponentially weighted averages of trees, raw and bias-corrected (Kingma & Ba 2015, §3)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl.types import Array, PyTree

Scalar = float | Array
"""A hyperparameter: a number, or a scalar array that may be traced."""


def accumulator_dtype(leaf: ArrayLike) -> np.dtype:
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
    """The tree with every leaf in the dtype of its counterpart in `like`, None where that is."""
    return map_present(lambda target, leaf: leaf.astype(jnp.result_type(target)), like, tree)


def map_present(f: Callable[..., Any], updates: PyTree, *trees: PyTree) -> PyTree:
    """`f` over the leaves of the updates and their counterparts; an update of None stays None."""

    def leaf(update: Array | None, *others: PyTree) -> PyTree:
        return None if update is None else f(update, *others)

    return jax.tree.map(leaf, updates, *trees, is_leaf=lambda node: node is None)


def map_state(f: Callable[..., Any], updates: PyTree, state: PyTree, *trees: PyTree) -> PyTree:
    """`f` over the leaves of the updates and of the state, which stays where there is no update."""

    def leaf(update: Array | None, old: PyTree, *others: PyTree) -> PyTree:
        return old if update is None else f(update, old, *others)

    return jax.tree.map(leaf, updates, state, *trees, is_leaf=lambda node: node is None)


def precise(name: str, value: Scalar) -> Scalar:
    """The hyperparameter itself, refused with a TypeError if its dtype is narrower than float32.

    bfloat16 rounds 0.999 to 1, float16 1e-8 to 0: what a user meant is lost.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits < 32:
        raise TypeError(
            f"{name} is {dtype}, which rounds it too far; give float32"
            " (optax.inject_hyperparams: hyperparam_dtype=jnp.float32)"
        )
    return value


def decay_rate(name: str, value: Scalar) -> Scalar:
    """The decay itself, `precise`; a ValueError if it is a number outside [0, 1]."""
    if isinstance(value, (int, float, np.number)) and not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}, a decay lies within 0 and 1")
    return precise(name, value)


def blend(values: PyTree, average: PyTree, share: Scalar) -> PyTree:
    """`(1 − share) · average + share · values`, leaf by leaf, in the dtypes of `average`.

    share: in [0, 1], a scalar. Written as a step from the nearer end, so that the rounding of
    `1 − share` neither biases a long average nor leaves anything of the old one at a share of 1.
    A leaf of the average stays where the values have None.
    """

    def leaf(value: ArrayLike, old: Array) -> Array:
        new, part = jnp.asarray(value, old.dtype), jnp.asarray(share, old.dtype)
        small = part < 0.5
        return jnp.where(small, old, new) + jnp.where(small, part, part - 1) * (new - old)

    return map_state(leaf, values, average)


def ema(values: PyTree, average: PyTree, decay: Scalar) -> PyTree:
    """One step of the biased average, `v_t = β v_{t−1} + (1 − β) θ_t`, leaf by leaf.

    values: θ_t; average: v_{t−1}, a tree of arrays of the same shapes, zeros at the start
    (`accumulators`); decay: β in [0, 1), a scalar. The result has the dtypes of `average`.
    Weights reach back about 1 / (1 − β) steps; at step t they sum to 1 − β^t (`weight_sum`).
    """
    return blend(values, average, 1 - decay)


def corrected_ema(values: PyTree, average: PyTree, decay: Scalar, count: Scalar) -> PyTree:
    """One step of the bias-corrected average, `v̂_t = v_t / (1 − β^t)` with v_t as in `ema`.

    average: v̂_{t−1}, zeros at the start; count: t ≥ 1. It is carried corrected,
    `v̂_t = v̂_{t−1} + (θ_t − v̂_{t−1}) (1 − β) / (1 − β^t)`, since this has a limit at β = 1: the
    plain mean of θ_1 … θ_t, for a β that float32 rounds to 1, such as 1 − 1e-8, too.
    """
    share, total = jnp.asarray(1 - decay), weight_sum(decay, count)
    # A constant where the branch is not taken keeps derivatives by β finite.
    quotient = share / jnp.where(share > 0, total, 1)
    return blend(values, average, jnp.where(share > 0, quotient, 1 / jnp.asarray(count)))


def weight_sum(decay: Scalar, count: Scalar) -> Array:
    """The sum of the weights of an average of `count` values, `1 − β^t`: a scalar.

    As `−expm1(t log β)`: in float32, `1 − β^t` itself is 0 for t < 1 / 2^24 (1 − β).
    """
    share = jnp.asarray(1 - decay)
    dtype = jnp.promote_types(share.dtype, jnp.result_type(float))
    # At β = 0 the logarithm would be infinite, and its derivative NaN.
    share = jnp.minimum(share.astype(dtype), 1 - jnp.finfo(dtype).epsneg)
    return -jnp.expm1(jnp.asarray(count, dtype) * jnp.log1p(-share))
