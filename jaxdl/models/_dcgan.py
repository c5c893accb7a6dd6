"""DCGAN: both players convolutional (Radford, Metz & Chintala 2016, https://arxiv.org/abs/1511.06434)."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.conv import Conv, ConvTranspose
from jaxdl.layers.norms import BatchNorm, LayerNorm
from jaxdl.models._gan import with_labels
from jaxdl.types import Array

KERNEL = (4, 4)
"""A multiple of the stride, so that every pixel is covered equally often."""


def batch_norm(x: Array, train: bool) -> Array:
    """The paper's choice; a batch must then hold no padding, which would enter its statistics."""
    return BatchNorm(dtype=x.dtype)(x, train=train)


def layer_norm(x: Array, train: bool) -> Array:
    """For a critic with a gradient penalty, which is defined example by example."""
    return jnp.asarray(LayerNorm(dtype=x.dtype)(x))


class DCGenerator(nn.Module):
    """Noise `z: [B, L]` to images `[B, H, W, channels]`.

    A dense layer to H / 2ⁿ × W / 2ⁿ × features[0], then n = len(features) transposed convolutions
    of stride 2, normalized and with ReLU but for the last one.
    size: (H, W). num_classes: 0, or K for labels `y: [B]` in 0..K−1 beside the noise.
    output: elementwise, to the range of the images. normalize: `(x, train) -> x`.
    Raises ValueError if 2ⁿ does not divide H and W.
    """

    features: Sequence[int]
    size: tuple[int, int]
    channels: int = 1
    num_classes: int = 0
    output: Callable[[Array], Array] = jnp.tanh
    normalize: Callable[[Array, bool], Array] = batch_norm
    kernel_init: Callable[..., Array] = nn.initializers.normal(0.02)
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool) -> Array:
        shrink = 2 ** len(self.features)
        height, width = self.size
        if height % shrink or width % shrink:
            raise ValueError(f"{len(self.features)} doublings do not end at {height} × {width}")
        x = with_labels(z, y, self.num_classes)
        first = (height // shrink, width // shrink, self.features[0])
        x = nn.Dense(
            first[0] * first[1] * first[2], kernel_init=self.kernel_init, dtype=self.dtype
        )(x)
        x = nn.relu(self.normalize(x.reshape(len(x), *first), train))
        for features in self.features[1:]:
            x = ConvTranspose(
                features, KERNEL, strides=2, kernel_init=self.kernel_init, dtype=self.dtype
            )(x)
            x = nn.relu(self.normalize(x, train))
        last = ConvTranspose(
            self.channels, KERNEL, strides=2, kernel_init=self.kernel_init, dtype=self.dtype
        )
        return self.output(last(x))


class DCDiscriminator(nn.Module):
    """Images `[B, H, W, C]` to scores `[B]`, high for what looks real.

    Convolutions of stride 2 with leaky ReLU of slope 0.2, normalized but for the first, and a dense
    layer. Real and generated images come in batches of their own, and so do their statistics.
    num_classes: 0, or K for labels `y: [B]` in 0..K−1, as constant planes beside the channels.
    normalize: `(x, train) -> x`.
    """

    features: Sequence[int]
    num_classes: int = 0
    normalize: Callable[[Array, bool], Array] = batch_norm
    kernel_init: Callable[..., Array] = nn.initializers.normal(0.02)
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool) -> Array:
        planes = with_labels(jnp.zeros((len(x), 0), x.dtype), y, self.num_classes)
        planes = jnp.broadcast_to(planes[:, None, None], (*x.shape[:3], planes.shape[-1]))
        x = jnp.concatenate([x, planes], axis=-1)
        for layer, features in enumerate(self.features):
            x = Conv(features, KERNEL, strides=2, kernel_init=self.kernel_init, dtype=self.dtype)(x)
            x = nn.leaky_relu(self.normalize(x, train) if layer else x, 0.2)
        score = nn.Dense(1, kernel_init=self.kernel_init, dtype=self.dtype)
        return score(x.reshape(len(x), -1))[:, 0]
