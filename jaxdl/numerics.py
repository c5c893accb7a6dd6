"""Arithmetic that does not lose in silence what its inputs hold: width, lengths, wrong labels."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from jaxdl.types import Array


def wide(*arrays: ArrayLike) -> tuple[Array, ...]:
    """The arrays in one dtype, of 32 bits at least: float64 if one of them is, else float32.

    Integers and booleans take the dtype of the floats beside them, or JAX's default; beyond 2²⁴
    float32 rounds them. A gradient comes back in the dtype of what was given.
    """
    floats = [array for array in arrays if jnp.issubdtype(jnp.result_type(array), jnp.floating)]
    dtype = jnp.result_type(*floats) if floats else jnp.result_type(float)
    dtype = jnp.float64 if dtype == jnp.float64 else jnp.float32
    return tuple(jnp.asarray(array, dtype) for array in arrays)


def narrowed(values: Array, like: ArrayLike) -> Array:
    """Values in the dtype of `like` again, if that is one of floats: what a layer gives."""
    dtype = jnp.result_type(like)
    return values.astype(dtype) if jnp.issubdtype(dtype, jnp.floating) else values


def cast(dtype: DTypeLike | None, *arrays: Array) -> tuple[Array, ...]:
    """The arrays in the dtype that a layer computes in; None: as they are."""
    return arrays if dtype is None else tuple(jnp.asarray(array, dtype) for array in arrays)


def norm(vectors: Array, axis: int = -1) -> Array:
    """‖v‖ over `axis`, in float32 at least: right wherever it is a number of that dtype.

    Its gradient at zeros, where there is none, is 0. Numbers below the smallest normal one count as
    zeros.
    """
    (vectors,) = wide(vectors)
    scaled, factor = moderate(vectors, axis)
    length = root(jnp.square(scaled).sum(axis=axis, keepdims=True)) * factor
    return jnp.squeeze(length, axis)


def moderate(x: Array, axis: int | tuple[int, ...]) -> tuple[Array, Array]:
    """x of a size whose squares along `axis` neither overflow nor vanish, and x over it.

    A power of two, so that no digit changes, without gradient; 1 for ordinary numbers.
    """
    largest = jax.lax.stop_gradient(jnp.abs(x).max(axis=axis, keepdims=True, initial=0))
    power = 2.0 ** (jnp.finfo(x.dtype).maxexp // 3)
    # Chosen from three: XLA takes a factor out of a square, where it would overflow after all.
    huge, tiny = largest > power, largest < 1 / power
    scaled = jnp.where(huge, x * power**-2, jnp.where(tiny, x * power**2, x))
    factor = jnp.where(huge, power**2, jnp.where(tiny, power**-2, 1))
    return scaled, factor.astype(x.dtype)


def root(squares: Array) -> Array:
    """√x for x ≥ 0, whose gradient at 0 is taken to be 0."""
    # Both branches of a `where` are differentiated: the root must not see the 0.
    zero = squares == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, squares)))


def loud(values: Array, valid: Array) -> Array:
    """The values; NaN where they are not valid, and a gradient that is not 0 is infinite there.

    One that is masked later, by a `where`, still does no harm.
    """
    # Its square is infinite, and 0 times this is 0: a gradient of 0 stays 0. It depends on the
    # values, since XLA would multiply two constants with each other first.
    large = jnp.finfo(values.dtype).max ** 0.75 + 0 * jax.lax.stop_gradient(values)
    large = jnp.where(valid, 1, large)
    return values * large * large + jnp.where(valid, 0, jnp.nan)


def broken(loss: Callable[..., Array], *examples: Array) -> Array:
    """Of which examples `[B, ...]` the loss of one, or its gradient by the first, is not finite."""
    values, gradients = jax.vmap(jax.value_and_grad(loss))(*examples)
    finite = jnp.isfinite(gradients).reshape(len(values), -1).all(axis=1)
    return ~(jnp.isfinite(values) & finite)
