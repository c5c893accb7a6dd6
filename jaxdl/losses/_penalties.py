"""Penalties of parameters."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.losses._common import absolute
from jaxdl.numerics import wide
from jaxdl.types import Array, PyTree


def _sum_over(params: PyTree, mask: PyTree, measure: Callable[[Array], Array]) -> Array:
    def of(leaf: Array, take: bool) -> Array | float:
        return measure(*wide(leaf)).sum() if take else 0.0

    return jax.tree.reduce(jnp.add, jax.tree.map(of, params, mask), jnp.zeros(()))


def l1(params: PyTree, mask: PyTree) -> Array:
    """Σ|w| over the leaves where `mask`, a tree of booleans like `params`, is True.

    The subgradient taken at 0 is 0. Gradient steps only come near zero: exact zeros need the
    proximal step `soft_threshold`.
    """
    return _sum_over(params, mask, absolute)


def l2(params: PyTree, mask: PyTree) -> Array:
    """Σw² over the leaves where `mask` is True, without a factor ½: the gradient is 2w."""
    return _sum_over(params, mask, jnp.square)


def elastic_net(params: PyTree, l1_amount: ArrayLike, l2_amount: ArrayLike, mask: PyTree) -> Array:
    """l1_amount·Σ|w| + l2_amount·Σw² over the leaves where `mask` is True (Zou & Hastie, 2005)."""
    return l1(params, mask) * l1_amount + l2(params, mask) * l2_amount


def soft_threshold(params: PyTree, amount: ArrayLike, mask: PyTree) -> PyTree:
    """sign(w)·max(|w| − amount, 0) on the leaves where `mask` is True; the others unchanged.

    The proximal map of amount·Σ|w|: after a gradient step of learning rate η on the smooth part of
    the objective, with amount = η·λ, this is ISTA (Daubechies et al., 2004). Leaves keep their
    dtype.
    """

    def shrink(leaf: Array, take: bool) -> Array:
        if not take:
            return leaf
        weight, least = wide(leaf, amount)
        return (jnp.sign(weight) * jnp.maximum(jnp.abs(weight) - least, 0)).astype(leaf.dtype)

    return jax.tree.map(shrink, params, mask)
