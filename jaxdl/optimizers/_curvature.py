"""Products with the curvature of a loss, and linear systems in it (Pearlmutter 1994).

https://doi.org/10.1162/neco.1994.6.1.147. Reverse mode only: it passes through layers that know no
other, and what the products share is computed once.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg

from jaxdl.optimizers._averages import Scalar, cast_like, map_present, widened
from jaxdl.types import Array, PyTree

T = TypeVar("T")
Product = Callable[[PyTree], PyTree]
"""A symmetric matrix, as what it makes of a tree like the parameters."""
ValueFn = Callable[[PyTree], Array]
"""`params -> loss []`."""


def on_present(
    function: Callable[[PyTree], PyTree], updates: PyTree, params: PyTree
) -> tuple[Callable[[PyTree], PyTree], PyTree]:
    """The function of those parameters that have an update, in float32 at least; and their values.

    The others are held; the function is called in the dtypes of `params`.
    """

    def moved(present: PyTree) -> PyTree:
        def leaf(new: Array | None, old: PyTree) -> PyTree:
            return old if new is None else new.astype(jnp.result_type(old))

        return function(jax.tree.map(leaf, present, params, is_leaf=lambda node: node is None))

    return moved, widened(map_present(lambda _, leaf: leaf, updates, params))


def hessian(value_fn: ValueFn, point: PyTree) -> Product:
    """Products with the Hessian at a point."""
    _, pull = jax.vjp(jax.grad(value_fn), point)
    return lambda vector: pull(vector)[0]


def gauss_newton_matrix(
    outputs_fn: Callable[[PyTree], PyTree], loss_fn: ValueFn, point: PyTree
) -> Product:
    """Products with JᵀHJ: J of the outputs at a point, H of the loss at its outputs.

    Schraudolph 2002, https://doi.org/10.1162/08997660260028683.
    """
    outputs, pull = jax.vjp(outputs_fn, point)
    # The transposed of a linear function is its own, wherever it is taken.
    _, push = jax.vjp(lambda cotangent: pull(cotangent)[0], jax.tree.map(jnp.zeros_like, outputs))
    of_loss = hessian(loss_fn, outputs)
    return lambda vector: pull(of_loss(push(vector)[0]))[0]


def solved(
    product: Product, gradient: PyTree, damping: Scalar, iterations: int, tol: float
) -> PyTree:
    """`(A + λI)⁻¹ g` by conjugate gradients (Hestenes & Stiefel 1952), in float32 at least.

    They end after so many iterations, or where the residual is below `tol` of the gradient's norm.
    The result has the dtypes of the gradient.
    """

    def damped(vector: PyTree) -> PyTree:
        return jax.tree.map(
            lambda left, right: left + jnp.asarray(damping, right.dtype) * right,
            product(vector),
            vector,
        )

    wide = widened(gradient)
    if not jax.tree.leaves(wide):
        return gradient
    return cast_like(cg(damped, wide, tol=tol, maxiter=iterations)[0], gradient)


def given(name: str, argument: str, value: T | None) -> T:
    """What an update was given; ValueError in one line where it was not."""
    if value is None:
        raise ValueError(f"{name}: its update needs {argument}, which was not given")
    return value
