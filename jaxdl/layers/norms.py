"""Batch normalization (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167) and its relatives.

y = γ·(x − μ) / √(σ² + ε) + β, with a learned γ and β for each feature; the layers differ in what μ
and σ² are taken over. The root divides: it is the standard deviation that becomes 1. Where there is
a variance, ε is torch's 1e-5, and it is taken in two passes: in float32, E[x²] − E[x]² has no digit
left of a small variance around a large mean. All but batch normalization are Flax's layers; that
one has a backward pass of its own.
"""

import math
import warnings

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from jaxdl.types import Array


class BatchNorm(nn.Module):
    """Each feature standardized over batch and positions (Ioffe & Szegedy 2015, algorithm 1).

    x `[B, ..., C]`, and so the result. In training μ and σ² are those of the batch, and the running
    ones move: running ← momentum·running + (1 − momentum)·batch. Otherwise the running ones are
    used. They are model state: the collection `batch_stats` with `mean` and `var`, `[C]`.
    The running variance is the biased one, of n values Σ(x − μ)² / n; torch keeps the unbiased one,
    Σ(x − μ)² / (n − 1), and its momentum is 1 − `momentum`.

    mask `[B]`: rows where it is 0 must be finite and are left out of μ and σ²; all others count
    once. A batch of nothing but padding leaves the running statistics as they are.
    momentum, epsilon: may be traced. dtype: of y; None: that of x, 32 bits at least.
    Reverse-mode derivatives of any order; forward mode (`jax.jvp`) is not defined.
    Warns when traced for training on one value of each feature: y is β then, whatever x is.
    """

    momentum: ArrayLike = 0.9
    epsilon: ArrayLike = 1e-5
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool, mask: Array | None = None) -> Array:
        if train and math.prod(x.shape[:-1]) == 1:
            warnings.warn(
                "BatchNorm trains on one value of each feature: its output ignores its input",
                stacklevel=2,
            )
        features, wide = x.shape[-1:], jnp.promote_types(x.dtype, jnp.float32)
        scale = self.param("scale", nn.initializers.ones, features)
        bias = self.param("bias", nn.initializers.zeros, features)
        mean = self.variable("batch_stats", "mean", jnp.zeros, features)
        variance = self.variable("batch_stats", "var", jnp.ones, features)
        learned = tuple(
            value.astype(wide) for value in _along_features(x, scale, bias, self.epsilon)
        )
        if train:
            y, *batch = _standardize(x.astype(wide), _weights(x, mask), *learned)
            empty = False if mask is None else (mask == 0).all()
            momentum = jnp.where(empty, 1.0, self.momentum)
            if not self.is_initializing():
                for running, moment in zip((mean, variance), batch, strict=True):
                    running.value = momentum * running.value + (1 - momentum) * moment.ravel()
        else:
            stored = _along_features(x, mean.value, variance.value)
            y = _affine(x.astype(wide), *(value.astype(wide) for value in stored), *learned)
        return y.astype(self.dtype or jnp.result_type(x, scale, bias))


def _along_features(x: Array, *values: ArrayLike) -> tuple[Array, ...]:
    """Values `[C]` or `[]` as `[1, ..., 1, C or 1]`, of as many axes as x."""
    return tuple(jnp.asarray(value).reshape(*[1] * (x.ndim - 1), -1) for value in values)


def _weights(x: Array, mask: Array | None) -> Array:
    """1 for each row that counts, `[B, 1, ...]`; all, if none does: the mean of none is NaN."""
    rows = jnp.ones(len(x)) if mask is None else (mask != 0) | (mask == 0).all()
    return rows.astype(jnp.float32).reshape(-1, *[1] * (x.ndim - 1))


def _affine(
    x: Array, mean: Array, variance: Array, scale: Array, bias: Array, epsilon: Array
) -> Array:
    return (x - mean) * (jax.lax.rsqrt(variance + epsilon) * scale) + bias


@jax.custom_vjp
def _standardize(
    x: Array, rows: Array, scale: Array, bias: Array, epsilon: Array
) -> tuple[Array, Array, Array]:
    """(y, μ, σ²), the last two over rows that weigh 1, not 0; no derivative through these two.

    Differentiated by JAX, a variance in two passes takes more than twice the time.
    """
    return _standardize_forward(x, rows, scale, bias, epsilon)[0]


def _standardize_forward(
    x: Array, rows: Array, scale: Array, bias: Array, epsilon: Array
) -> tuple[tuple[Array, Array, Array], tuple[Array, ...]]:
    count = rows.sum() * math.prod(x.shape[1:-1])
    mean = _sum(x * rows) / count
    variance = _sum(jnp.square(x - mean) * rows) / count
    y = _affine(x, mean, variance, scale, bias, epsilon)
    return (y, mean, variance), (x, rows, mean, jax.lax.rsqrt(variance + epsilon), scale, count)


def _standardize_backward(
    residuals: tuple[Array, ...], gradients: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array, Array, Array]:
    x, rows, mean, root, scale, count = residuals
    dy = gradients[0]
    dbias, dscale = _sum(dy), _sum(dy * (x - mean)) * root
    common = (dbias + (x - mean) * (root * dscale)) / count
    depsilon = -(jnp.square(root) * scale * dscale).sum(keepdims=True) / 2
    dx = (scale * root) * (dy - rows * common)
    return dx, jnp.zeros_like(rows), dscale, dbias, depsilon


def _sum(x: Array) -> Array:
    return x.sum(axis=tuple(range(x.ndim - 1)), keepdims=True)


_standardize.defvjp(_standardize_forward, _standardize_backward)


class LayerNorm(nn.LayerNorm):
    """The last axis of each example and position standardized (Ba, Kiros & Hinton 2016)."""

    epsilon: float = 1e-5
    use_fast_variance: bool = False


class GroupNorm(nn.GroupNorm):
    """`num_groups` groups of channels standardized, each over its positions (Wu & He 2018).

    One example `[..., C]` at a time; `num_groups=1` is layer normalization over all its axes,
    though γ and β are still one for each channel. ValueError if `num_groups` does not divide C.
    """

    epsilon: float = 1e-5
    use_fast_variance: bool = False


class InstanceNorm(nn.InstanceNorm):
    """Each channel of each example standardized over its positions (Ulyanov et al. 2016).

    γ and β are learned, as torch's `affine=True`, which is not its default.
    """

    epsilon: float = 1e-5
    use_fast_variance: bool = False


class RMSNorm(nn.RMSNorm):
    """γ·x / √(mean(x²) + ε) over the last axis (Zhang & Sennrich 2019): not centred, not shifted.

    ε is 1e-6 here; torch's default is the spacing of its dtype at 1, 1.2e-7 in float32.
    """
