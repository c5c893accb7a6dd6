"""Weight decay as a link of a chain (Hanson & Pratt 1988)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers._averages import Scalar, cast_like, map_present, widened
from jaxdl.types import Array, PyTree


def add_weight_decay(
    weight_decay: Scalar, mask: PyTree | Callable[[PyTree], PyTree] | None = None
) -> optax.GradientTransformationExtraArgs:
    """Add `λθ` to the updates; weight_decay: λ, a scalar that may be traced.

    mask: a tree of booleans, the parameters' or a prefix of it, or `params -> tree`, True where a
    leaf decays; None decays all. First in a chain it is L2 regularization, after the scaling
    decoupled decay. Updates keep their dtype, where `optax.add_decayed_weights` promotes bfloat16
    by a traced λ. Raises ValueError when `update` is called without `params`.
    """

    def leaf(u: Array, p: Array, decays: bool) -> Array:
        return u + jnp.asarray(weight_decay, u.dtype) * p.astype(u.dtype) if decays else u

    def decay(updates: PyTree, params: PyTree | None) -> PyTree:
        if params is None:
            raise ValueError("weight decay needs the parameters: update(grads, state, params)")
        prefix = mask(params) if callable(mask) else True if mask is None else mask
        chosen = jax.tree.map(lambda m, p: jax.tree.map(lambda _: m, p), prefix, params)
        return cast_like(map_present(leaf, widened(updates), params, chosen), updates)

    return optax.with_extra_args_support(optax.stateless(decay))
