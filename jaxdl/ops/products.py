"""Matrix products with gradients of their own: of narrow floats, and of small matrices on CPU."""

import jax
import jax.numpy as jnp

from jaxdl.types import Array


def wide_product(x: Array, w: Array) -> Array:
    """`x [N, K] @ w [K, M]`, both of one dtype, in float32 at least.

    Where they are narrow, the gradient is rounded to their dtype on the way back: differentiated by
    JAX, a product of bfloat16 has products of float32 and bfloat16 there, which an accelerator
    computes at half the speed or less. Forward mode (`jax.jvp`) is not defined for those.
    """
    wider = jnp.promote_types(x.dtype, jnp.float32)
    return jnp.matmul(x, w) if wider == x.dtype else _of_narrow(x, w)


@jax.custom_vjp
def _of_narrow(x: Array, w: Array) -> Array:
    return jnp.matmul(x, w, preferred_element_type=jnp.float32)


def _forward(x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return _of_narrow(x, w), (x, w)


def _backward(residuals: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    x, w = residuals
    dy = dy.astype(x.dtype)
    return jnp.matmul(dy, w.T), jnp.matmul(x.T, dy)


@jax.custom_vjp
def inner_products(vectors: Array, rows: Array) -> Array:
    """Inner products of each of `[M, A, D]` with each of `[M, N, D]`: `[M, A, N]`.

    Its gradient is as fast on CPU as it is itself: XLA folds the transpositions of a gradient into
    its products, and multiplies matrices that are read across their rows at half the speed and
    less; here the smaller factor is transposed before. Forward mode (`jax.jvp`) is not defined.
    """
    return jnp.einsum("mad,mnd->man", vectors, rows)


def _inner_forward(vectors: Array, rows: Array) -> tuple[Array, tuple[Array, Array]]:
    return inner_products(vectors, rows), (vectors, rows)


def _inner_backward(factors: tuple[Array, Array], slopes: Array) -> tuple[Array, Array]:
    vectors, rows = factors
    return _as(factors, jnp.einsum("man,mnd->mad", slopes, rows), _transposed(slopes) @ vectors)


@jax.custom_vjp
def weighted_sums(weights: Array, rows: Array) -> Array:
    """Sums `[M, A, D]` of rows `[M, N, D]` by weights `[M, A, N]`.

    Its gradient is as fast on CPU as that of `inner_products`. Forward mode is not defined.
    """
    return weights @ rows


def _sums_forward(weights: Array, rows: Array) -> tuple[Array, tuple[Array, Array]]:
    return weighted_sums(weights, rows), (weights, rows)


def _sums_backward(factors: tuple[Array, Array], slopes: Array) -> tuple[Array, Array]:
    weights, rows = factors
    return _as(factors, jnp.einsum("mad,mnd->man", slopes, rows), _transposed(weights) @ slopes)


def _transposed(matrices: Array) -> Array:
    """Rows of the last two axes as columns, laid out anew."""
    return jax.lax.optimization_barrier(jnp.swapaxes(matrices, 1, 2))


def _as(factors: tuple[Array, Array], *gradients: Array) -> tuple[Array, Array]:
    """The gradients in the dtypes of the factors, which may be two."""
    first, second = (x.astype(of.dtype) for of, x in zip(factors, gradients, strict=True))
    return first, second


_of_narrow.defvjp(_forward, _backward)
inner_products.defvjp(_inner_forward, _inner_backward)
weighted_sums.defvjp(_sums_forward, _sums_backward)
