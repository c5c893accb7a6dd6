"""Matrix products of narrow floats that are added up, and given, in float32."""

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


_of_narrow.defvjp(_forward, _backward)
