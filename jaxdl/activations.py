"""Activations: elementwise functions, softmax with a temperature, and maxout.

In a narrow dtype GELU and softmax are computed in float32, and rounded once.
At a kink the derivative taken is 0 for `relu`, 1 for `leaky_relu` (at 0) and `hard_tanh` (at ±1).
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.nn import elu, hard_tanh, leaky_relu, relu, sigmoid, tanh
from jax.nn import identity as linear
from jax.typing import ArrayLike

from jaxdl.numerics import narrowed, wide
from jaxdl.types import Array


def gelu_exact(x: Array) -> Array:
    """x·Φ(x) by the error function (Hendrycks & Gimpel, 2016)."""
    (z,) = wide(x)
    return narrowed(jax.nn.gelu(z, approximate=False), x)


def gelu_tanh(x: Array) -> Array:
    """The tanh approximation of `gelu_exact`: ½x(1 + tanh(√(2/π)(x + 0.044715x³)))."""
    (z,) = wide(x)
    # ½(1 + tanh u) is σ(2u), which does not cancel; beyond 30 it is 0 or 1, and x³ may be infinite.
    near = jnp.clip(z, -30, 30)
    return narrowed(z * sigmoid(math.sqrt(8 / math.pi) * (near + 0.044715 * near**3)), x)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": linear,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "hard_tanh": hard_tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu_exact": gelu_exact,
    "gelu_tanh": gelu_tanh,
}
"""The elementwise functions without parameters, of any shape."""

__all__ = [*ACTIVATIONS, "ACTIVATIONS", "maxout", "softmax"]


def softmax(logits: Array, temperature: ArrayLike = 1.0, axis: int = -1) -> Array:
    """Probabilities exp(z/T) / Σ exp(z/T) along `axis`, for a temperature T > 0.

    T → 0 tends to the argmax, which it is at 0, T → ∞ to the uniform distribution. Computed in
    float32 at least, and given in the dtype of the logits.
    """
    z, kelvin = wide(logits, temperature)
    least = jnp.finfo(kelvin.dtype).tiny
    kelvin = jnp.where((kelvin >= 0) & (kelvin < least), least, kelvin)
    # Divided after the shift: what is far below the largest may become −∞, the largest stays 0.
    below = (z - jax.lax.stop_gradient(z.max(axis=axis, keepdims=True))) / kelvin
    return narrowed(jax.nn.softmax(below, axis=axis), logits)


def maxout(x: Array, pieces: int) -> Array:
    """Maximum of each `pieces` neighbours: `[..., features * pieces]` to `[..., features]`.

    Source: Goodfellow et al., Maxout networks, 2013. Pieces that tie share the gradient equally.
    Raises ValueError if the last axis is no multiple of `pieces`.
    """
    *leading, width = x.shape
    if pieces < 1 or width % pieces:
        raise ValueError(
            f"maxout of {pieces} pieces needs a last axis divisible by it, got {width}"
        )
    return x.reshape(*leading, width // pieces, pieces).max(axis=-1)
