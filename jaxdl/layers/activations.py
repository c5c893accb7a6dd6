"""Activations: elementwise functions, softmax with a temperature, and maxout.

In a narrow dtype GELU and softmax are computed in float32, and rounded once.
At a kink the derivative taken is 0 for `relu`, 1 for `leaky_relu` (at 0) and `hard_tanh` (at ±1).
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn import elu, hard_tanh, leaky_relu, relu, sigmoid, tanh
from jax.nn import identity as linear
from jax.typing import ArrayLike, DTypeLike

from jaxdl.numerics import cast, narrowed, wide
from jaxdl.types import Array


def gelu_exact(x: Array) -> Array:
    """x·Φ(x) by the error function (Hendrycks & Gimpel, 2016)."""
    (z,) = wide(x)
    return narrowed(jax.nn.gelu(z, approximate=False), x)


def gelu_tanh(x: Array) -> Array:
    """The tanh approximation of `gelu_exact`: ½x(1 + tanh(√(2/π)(x + 0.044715x³)))."""
    (z,) = wide(x)
    return narrowed(_gelu_tanh(z), x)


@jax.custom_jvp
def _gelu_tanh(z: Array) -> Array:
    return z * _share(z)[0]


@_gelu_tanh.defjvp
def _gelu_tanh_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """By hand: through the bounds of `_share`, value and gradient take 1.4 times as long on CPU."""
    (z,), (dz,) = primals, tangents
    share, slope = _share(z)
    return z * share, (share + slope) * dz


def _share(z: Array) -> tuple[Array, Array]:
    """What GELU by tanh gives over z, and z times the derivative of that."""
    # ½(1 + tanh u) is σ(2u), which does not cancel; beyond 30 it is 0 or 1, and z³ may be infinite.
    near = jnp.clip(z, -30, 30)
    scale, cubic = math.sqrt(8 / math.pi), 0.044715 * near**2
    share = sigmoid(scale * near * (1 + cubic))
    return share, scale * near * (1 + 3 * cubic) * share * (1 - share)


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


class PReLU(nn.Module):
    """x where x ≥ 0, else a·x, with a learned slope a for each channel (He et al., 2015).

    `[..., C]` to `[..., C]`; the parameter is `negative_slope: [C]`, 0.25 at first.
    """

    slope_init: Callable[..., Array] = nn.initializers.constant(0.25)
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        slope = self.param("negative_slope", self.slope_init, (x.shape[-1],))
        x, slope = cast(self.dtype, x, slope)
        return jnp.where(x >= 0, x, jnp.broadcast_to(slope, x.shape) * x)


class Maxout(nn.Module):
    """Maximum of `pieces` linear maps for each unit: maxₖ (xWₖ + bₖ) (Goodfellow et al., 2013).

    `[..., n_in]` to `[..., features]`. Every Wₖ is drawn by `kernel_init` as a matrix
    `[n_in, features]` of its own, so that its fans are those of one piece.
    """

    features: int
    pieces: int
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        def init(key: Array, shape: tuple[int, int], dtype: jnp.dtype) -> Array:
            def draw(piece_key: Array) -> Array:
                return self.kernel_init(piece_key, (shape[0], self.features), dtype)

            return jax.vmap(draw, out_axes=-1)(jax.random.split(key, self.pieces)).reshape(shape)

        return maxout(
            nn.Dense(self.features * self.pieces, kernel_init=init, dtype=self.dtype)(x),
            self.pieces,
        )
