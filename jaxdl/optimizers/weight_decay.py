"""Weight decay as a link of a chain (Hanson & Pratt 1988)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers.averages import Scalar, cast_like, widened
from jaxdl.types import Array, PyTree


def add_weight_decay(
    weight_decay: Scalar, mask: PyTree | Callable[[PyTree], PyTree] | None = None
) -> optax.GradientTransformation:
    """Add `λθ` to the updates; weight_decay: λ, a scalar that may be traced.

    mask: a tree of booleans, or `params -> tree`, True where a leaf decays; None decays all.
    First in a chain it is L2 regularization, after the scaling decoupled decay. Updates keep
    their dtype, where `optax.add_decayed_weights` promotes bfloat16 by a traced λ. Raises
    ValueError when `update` is called without `params`.
    """

    def decay(updates: PyTree, params: PyTree | None) -> PyTree:
        if params is None:
            raise ValueError("weight decay needs the parameters: update(grads, state, params)")

        def leaf(u: Array, p: Array) -> Array:
            return u + jnp.asarray(weight_decay, u.dtype) * p.astype(u.dtype)

        return cast_like(jax.tree.map(leaf, widened(updates), params), updates)

    transform = optax.stateless(decay)
    return transform if mask is None else optax.masked(transform, mask)
