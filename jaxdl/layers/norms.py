"""Batch normalization (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167) and its relatives.

y = γ·(x − μ) / √(σ² + ε) + β, with a learned γ and β for each feature; the layers differ in what μ
and σ² are taken over. The root divides: it is the standard deviation that becomes 1. All are
Flax's layers with torch's ε = 1e-5 and a variance in two passes: in float32, E[x²] − E[x]² has no
digit left of a small variance around a large mean.
"""

import math
import warnings
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import ArrayLike

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
    momentum, epsilon: may be traced.
    Warns when traced for training on one value of each feature: y is β then, whatever x is.
    """

    momentum: ArrayLike = 0.9
    epsilon: ArrayLike = 1e-5

    @nn.compact
    def __call__(self, x: Array, *, train: bool, mask: Array | None = None) -> Array:
        if train and math.prod(x.shape[:-1]) == 1:
            warnings.warn(
                "BatchNorm trains on one value of each feature: its output ignores its input",
                stacklevel=2,
            )
        momentum, rows = self.momentum, None
        if mask is not None:
            empty = (mask == 0).all()
            momentum = jnp.where(empty, 1.0, momentum)
            # The mean of no rows is NaN: an empty batch is normalized by its padding.
            rows = ((mask != 0) | empty).reshape(-1, *[1] * (x.ndim - 1))
        # Flax asks for floats and takes tracers.
        options: dict[str, Any] = {"momentum": momentum, "epsilon": self.epsilon}
        norm = nn.BatchNorm(**options, use_fast_variance=False)
        nn.share_scope(self, norm)
        return norm(x, use_running_average=not train, mask=rows)


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
