"""Siamese networks: one encoder for several inputs. Bromley et al. 1993; Chopra et al. 2005.

https://doi.org/10.1142/S0218001493000339, https://doi.org/10.1109/CVPR.2005.202
"""

from collections.abc import Callable, Sequence

import flax.linen as nn

from jaxdl.layers.conv import Conv
from jaxdl.layers.pooling import max_pool
from jaxdl.types import Array


class Siamese(nn.Module):
    """The embeddings of each member of a group, all by the same weights.

    encoder: `(x [B, ...], *, train) -> [B, D]`.
    Groups `[B, M, ...]` (M = 2 pairs, 3 triplets) to `[B, M, D]`. All members pass as one batch, so
    that batch statistics, too, are theirs together.
    """

    encoder: nn.Module

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        members = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
        return self.encoder(members, train=train).reshape(*x.shape[:2], -1)


class ImageEncoder(nn.Module):
    """3×3 convolutions, each with a ReLU and a 2×2 max pooling, then one linear layer.

    features: channels of the convolutions. Images `[B, H, W, C]`, whose sides must outlast the
    halvings, to embeddings `[B, outputs]`.
    """

    features: Sequence[int]
    outputs: int
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        for channels in self.features:
            x = nn.relu(Conv(channels, (3, 3), kernel_init=self.kernel_init)(x))
            x = max_pool(x, (2, 2))
        return nn.Dense(self.outputs, kernel_init=self.kernel_init)(x.reshape(x.shape[0], -1))
