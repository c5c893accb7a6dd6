"""Gradient clipping by value, by norm (Pascanu et al. 2013) and adaptive (Brock et al. 2021).

A gradient within its bound passes bitwise unchanged; a zero gradient stays zero. Bounds may be
traced. A norm that overflows its dtype (entries beyond about 1e19 in float32) clips to zero.
"""

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers.averages import Scalar, widened
from jaxdl.types import Array, PyTree


def _shrink(g: Array, norm: Array, bound: Array) -> Array:
    """`g` where `norm ≤ bound`, else `g · bound / norm`; both broadcast to `g`."""
    # The larger of both divides, so that the branch not taken never divides by zero.
    factor = bound / jnp.maximum(norm, bound)
    wide = widened(g)
    return jnp.where(norm <= bound, g, (wide * factor.astype(wide.dtype)).astype(g.dtype))


def _norm(g: Array, axis: tuple[int, ...] | None = None) -> Array:
    squares = jnp.square(widened(g))
    return jnp.sqrt(jnp.sum(squares, axis=axis, keepdims=axis is not None))


def global_norm(tree: PyTree) -> Array:
    """The Euclidean norm of all leaves together, a scalar of at least float32; 0 for no leaves."""
    sums = (jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(widened(tree)))
    return jnp.sqrt(sum(sums, start=jnp.zeros([])))


def clip_by_value(bound: Scalar) -> optax.GradientTransformation:
    """Clip every entry to `[−bound, bound]`; the direction changes."""

    def leaf(g: Array) -> Array:
        top = jnp.asarray(bound, g.dtype)
        # A selection passes the bits through; jnp.clip flushes subnormal numbers on CPU.
        return jnp.where(jnp.abs(g) > top, jnp.where(g > 0, top, -top), g)

    def clip(updates: PyTree, params: PyTree | None) -> PyTree:
        del params
        return jax.tree.map(leaf, updates)

    return optax.stateless(clip)


def clip_by_global_norm(max_norm: Scalar) -> optax.GradientTransformation:
    """Scale all leaves by one factor so that their joint norm is at most `max_norm`.

    `g ← g · c / ‖g‖` if `‖g‖ > c`: the direction is kept.
    """

    def clip(updates: PyTree, params: PyTree | None) -> PyTree:
        del params
        norm = global_norm(updates)
        bound = jnp.asarray(max_norm, norm.dtype)
        return jax.tree.map(lambda g: _shrink(g, norm, bound), updates)

    return optax.stateless(clip)


def clip_by_layer_norm(max_norm: Scalar) -> optax.GradientTransformation:
    """Scale each leaf by itself so that its norm is at most `max_norm`."""

    def leaf(g: Array) -> Array:
        norm = _norm(g)
        return _shrink(g, norm, jnp.asarray(max_norm, norm.dtype))

    def clip(updates: PyTree, params: PyTree | None) -> PyTree:
        del params
        return jax.tree.map(leaf, updates)

    return optax.stateless(clip)


def adaptive_clip(ratio: Scalar = 0.01, eps: Scalar = 1e-3) -> optax.GradientTransformation:
    """Bound the gradient of each unit by the norm of its weights (AGC, Brock et al. 2021, eq. 3).

    `G_i ← λ ‖W_i‖* / ‖G_i‖ · G_i` if `‖G_i‖ > λ ‖W_i‖*`, `‖W_i‖* = max(‖W_i‖, ε)`; ratio: λ,
    eps: ε, which lets weights that start at zero move. A unit is the slice of a leaf
    `[..., in, out]` at one output; a leaf of rank 0 or 1 is one unit. Raises ValueError when
    `update` is called without `params`.
    """

    def leaf(g: Array, w: Array) -> Array:
        inputs = tuple(range(g.ndim - 1)) if g.ndim > 1 else None
        weights = _norm(w, inputs)
        floor, factor = jnp.asarray(eps, weights.dtype), jnp.asarray(ratio, weights.dtype)
        return _shrink(g, _norm(g, inputs), factor * jnp.maximum(weights, floor))

    def clip(updates: PyTree, params: PyTree | None) -> PyTree:
        if params is None:
            raise ValueError("adaptive clipping needs the parameters: update(grads, state, params)")
        return jax.tree.map(leaf, updates, params)

    return optax.stateless(clip)
