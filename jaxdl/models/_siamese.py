"""Siamese networks: one encoder for several inputs. Bromley et al. 1993; Chopra et al. 2005.

https://doi.org/10.1142/S0218001493000339, https://doi.org/10.1109/CVPR.2005.202
"""

import flax.linen as nn

from jaxdl.types import Array


class Siamese(nn.Module):
    """The embeddings of each member of a group, all by the same weights.

    encoder: `(x [B, ...], *, train) -> [B, D]`, such as `CNN(((32,), (64,)), D)`.
    Groups `[B, M, ...]` (M = 2 pairs, 3 triplets) to `[B, M, D]`. All members pass as one batch, so
    that batch statistics, too, are theirs together.
    """

    encoder: nn.Module

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        members = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
        return self.encoder(members, train=train).reshape(*x.shape[:2], -1)
