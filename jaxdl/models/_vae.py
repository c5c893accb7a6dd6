"""Variational autoencoder. Kingma & Welling 2014, https://arxiv.org/abs/1312.6114"""

import functools
import math
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.initializers import side_by_side
from jaxdl.models._mlp import MLP
from jaxdl.types import Array


class VAE(nn.Module):
    """Gaussian encoder q(z | x) = N(μ(x), diag σ²(x)) and a decoder p(x | z), both MLPs.

    shape: of one example, `[B, *shape]`; features: hidden widths of the encoder, reversed in the
    decoder; code: number K of latent variables, whose prior is N(0, I).
    A call decodes the mean: what the decoder gives (logits, means) is up to the likelihood.
    """

    shape: Sequence[int]
    features: Sequence[int]
    code: int
    activation: Callable[[Array], Array] = nn.relu
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        layers = functools.partial(
            MLP, activation=self.activation, kernel_init=self.kernel_init, dtype=self.dtype
        )
        # Mean and log variance are two maps.
        both = side_by_side(self.kernel_init, 2)
        self.encoder = layers(tuple(self.features), 2 * self.code, output_init=both)
        self.decoder = layers(tuple(self.features)[::-1], math.prod(self.shape))

    def __call__(self, x: Array, *, train: bool) -> Array:
        mean, _ = self.encode(x, train=train)
        return self.decode(mean, train=train)

    def encode(self, x: Array, *, train: bool) -> tuple[Array, Array]:
        """μ and log σ², both `[B, K]`, of `[B, *shape]`."""
        mean, log_variance = jnp.split(self.encoder(x, train=train), 2, axis=-1)
        return mean, log_variance

    def decode(self, code: Array, *, train: bool) -> Array:
        """`[B, K]` to `[B, *shape]`."""
        return self.decoder(code, train=train).reshape(-1, *self.shape)

    def sample(self, key: Array, count: int) -> Array:
        """Decoded draws from the prior, `[count, *shape]`."""
        return self.decode(jax.random.normal(key, (count, self.code)), train=False)
