"""Gradient clipping by value, by norm (Pascanu et al. 2013) and adaptive (Brock et al. 2021).

A gradient within its bound passes bitwise unchanged; a zero gradient stays zero. Bounds may be
traced. Norms are taken in float32 at least, and of every gradient whose norm float32 can hold.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers._averages import Scalar, map_present, widened
from jaxdl.types import Array, PyTree

Group = tuple[Sequence[Array], tuple[int, ...] | None]
"""Leaves whose squares are added up, over these axes; None: over all."""


def _shrink(g: Array, norm: Array, bound: Array) -> Array:
    """`g` where `norm ≤ bound`, else `g · bound / norm`; both broadcast to `g`."""
    # Neither the branch not taken nor its derivative divides by zero.
    factor = bound / jnp.where(norm > bound, norm, 1)
    wide = widened(g)
    return jnp.where(norm <= bound, g, (wide * factor.astype(wide.dtype)).astype(g.dtype))


def _norms(groups: Sequence[Group]) -> list[Array]:
    """√Σx² over the axes of all leaves of each group, at least float32; its derivative at 0 is 0.

    Squares that overflow are summed once more, scaled down by a power of two: in one branch for
    all groups, since each branch costs some microseconds on CPU.
    """

    def total(group: Group, scale: float) -> Array:
        leaves, axis = group
        sums = (
            jnp.sum(jnp.square(leaf * scale), axis=axis, keepdims=axis is not None)
            for leaf in map(widened, leaves)
        )
        return sum(sums, start=jnp.zeros([]))

    plain = [total(group, 1.0) for group in groups]
    scales = [2.0 ** -(5 * int(jnp.finfo(each.dtype).maxexp) // 8) for each in plain]
    over = [jnp.isinf(each) for each in plain]

    def again() -> list[Array]:
        parts = zip(groups, scales, over, plain, strict=True)
        return [jnp.where(where, total(group, scale), each) for group, scale, where, each in parts]

    some = functools.reduce(jnp.logical_or, map(jnp.any, over), jnp.array(False))
    found = []
    for squares, scale, where in zip(
        jax.lax.cond(some, again, lambda: plain), scales, over, strict=True
    ):
        root = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), squares)
        found.append(root / jnp.where(where, scale, 1).astype(root.dtype))
    return found


def global_norm(tree: PyTree) -> Array:
    """The Euclidean norm of all leaves together, a scalar of at least float32; 0 for no leaves."""
    return _norms([(jax.tree.leaves(tree), None)])[0]


def clip_by_value(bound: Scalar) -> optax.GradientTransformationExtraArgs:
    """Clip every entry to `[−bound, bound]`; the direction changes."""

    def leaf(g: Array) -> Array:
        top = jnp.asarray(bound, g.dtype)
        # A selection passes the bits through; jnp.clip flushes subnormal numbers on CPU.
        return jnp.where(jnp.abs(g) > top, jnp.where(g > 0, top, -top), g)

    def clip(updates: PyTree, params: PyTree | None) -> PyTree:
        del params
        return jax.tree.map(leaf, updates)

    return optax.with_extra_args_support(optax.stateless(clip))


def clip_by_global_norm(max_norm: Scalar) -> optax.GradientTransformationExtraArgs:
    """Scale all leaves by one factor so that their joint norm is at most `max_norm`.

    `g ← g · c / ‖g‖` if `‖g‖ > c`: the direction is kept.
    """

    def clip(updates: PyTree, params: PyTree | None) -> PyTree:
        del params
        norm = global_norm(updates)
        bound = jnp.asarray(max_norm, norm.dtype)
        return jax.tree.map(lambda g: _shrink(g, norm, bound), updates)

    return optax.with_extra_args_support(optax.stateless(clip))


def clip_by_layer_norm(max_norm: Scalar) -> optax.GradientTransformationExtraArgs:
    """Scale each leaf by itself so that its norm is at most `max_norm`."""

    def clip(updates: PyTree, params: PyTree | None) -> PyTree:
        del params
        leaves, structure = jax.tree.flatten(updates)
        norms = _norms([([leaf], None) for leaf in leaves])
        clipped = [
            _shrink(leaf, norm, jnp.asarray(max_norm, norm.dtype))
            for leaf, norm in zip(leaves, norms, strict=True)
        ]
        return jax.tree.unflatten(structure, clipped)

    return optax.with_extra_args_support(optax.stateless(clip))


def adaptive_clip(
    ratio: Scalar = 0.01, eps: Scalar = 1e-3
) -> optax.GradientTransformationExtraArgs:
    """Bound the gradient of each unit by the norm of its weights (AGC, Brock et al. 2021, eq. 3).

    `G_i ← λ ‖W_i‖* / ‖G_i‖ · G_i` if `‖G_i‖ > λ ‖W_i‖*`, `‖W_i‖* = max(‖W_i‖, ε)`; ratio: λ,
    eps: ε, which lets weights that start at zero move. A unit is the slice of a leaf
    `[..., in, out]` at one output; a leaf of rank 0 or 1 is one unit. Raises ValueError when
    `update` is called without `params`.
    """

    def bounded(g: Array, norm: Array, weights: Array) -> Array:
        floor, factor = jnp.asarray(eps, weights.dtype), jnp.asarray(ratio, weights.dtype)
        return _shrink(g, norm, factor * jnp.maximum(weights, floor))

    def clip(updates: PyTree, params: PyTree | None) -> PyTree:
        if params is None:
            raise ValueError("adaptive clipping needs the parameters: update(grads, state, params)")
        grads, structure = jax.tree.flatten(updates)
        weights = jax.tree.leaves(map_present(lambda _, leaf: leaf, updates, params))
        norms = _norms([([leaf], _inputs(leaf)) for leaf in (*grads, *weights)])
        of_grads, of_weights = norms[: len(grads)], norms[len(grads) :]
        return jax.tree.unflatten(structure, list(map(bounded, grads, of_grads, of_weights)))

    return optax.with_extra_args_support(optax.stateless(clip))


def _inputs(leaf: Array) -> tuple[int, ...] | None:
    """The axes of a unit's weights; None: all."""
    return tuple(range(leaf.ndim - 1)) if leaf.ndim > 1 else None
