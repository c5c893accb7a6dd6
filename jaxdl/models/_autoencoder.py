"""Autoencoders. Hinton & Salakhutdinov 2006, 10.1126/science.1127647; Masci et al. 2011 (conv)."""

import math
from collections.abc import Callable, Sequence

import flax.linen as nn
from jax.typing import DTypeLike

from jaxdl.layers.conv import Conv, ConvTranspose
from jaxdl.models._mlp import MLP
from jaxdl.types import Array


def identity(x: Array) -> Array:
    """x."""
    return x


class DenseAutoencoder(nn.Module):
    """An MLP to a code and its mirror image back: x̂ = g(f(x)).

    shape: of one example, `[B, *shape]` in and out.
    features: hidden widths of the encoder, reversed in the decoder; none makes both linear, and the
        least squared error is then that of the first `code` principal components.
    code: width K; code_activation: of the code (a sigmoid for a sparse code in 0..1, say).
    """

    shape: Sequence[int]
    features: Sequence[int]
    code: int
    activation: Callable[[Array], Array] = nn.relu
    code_activation: Callable[[Array], Array] = identity
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        def layers(features: Sequence[int], outputs: int) -> MLP:
            return MLP(
                features, outputs, self.activation, kernel_init=self.kernel_init, dtype=self.dtype
            )

        self.encoder = layers(tuple(self.features), self.code)
        self.decoder = layers(tuple(self.features)[::-1], math.prod(self.shape))

    def __call__(self, x: Array, *, train: bool) -> Array:
        return self.decode(self.encode(x, train=train), train=train)

    def encode(self, x: Array, *, train: bool) -> Array:
        """`[B, *shape]` to `[B, K]`."""
        return self.code_activation(self.encoder(x, train=train))

    def decode(self, code: Array, *, train: bool) -> Array:
        """`[B, K]` to `[B, *shape]`."""
        return self.decoder(code, train=train).reshape(-1, *self.shape)


class ConvAutoencoder(nn.Module):
    """Strided convolutions to a code, transposed convolutions back.

    shape: (height, width, channels) of an image, `[B, *shape]` in and out, of any size.
    features: channels of the encoder's layers, one or more, each 3 × 3 with stride 2; reversed in
        the decoder, which cuts off the row and column that doubling an odd size has too many.
    code: width K, between dense layers; code_activation: of the code.
    """

    shape: Sequence[int]
    features: Sequence[int]
    code: int
    activation: Callable[[Array], Array] = nn.relu
    code_activation: Callable[[Array], Array] = identity
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        init, sizes = self.kernel_init, self._sizes()
        self.down = [
            Conv(width, (3, 3), strides=2, kernel_init=init, dtype=self.dtype)
            for width in self.features
        ]
        self.to_code = nn.Dense(self.code, kernel_init=init, dtype=self.dtype)
        self.from_code = nn.Dense(
            math.prod(sizes[-1]) * self.features[-1], kernel_init=init, dtype=self.dtype
        )
        widths = (self.shape[-1], *self.features[:-1])[::-1]
        self.up = [
            ConvTranspose(width, (3, 3), strides=2, kernel_init=init, dtype=self.dtype)
            for width in widths
        ]

    def __call__(self, x: Array, *, train: bool) -> Array:
        return self.decode(self.encode(x, train=train), train=train)

    def encode(self, x: Array, *, train: bool) -> Array:
        """`[B, H, W, C]` to `[B, K]`."""
        for layer in self.down:
            x = self.activation(layer(x))
        return self.code_activation(self.to_code(x.reshape(x.shape[0], -1)))

    def decode(self, code: Array, *, train: bool) -> Array:
        """`[B, K]` to `[B, H, W, C]`."""
        *larger, smallest = self._sizes()
        x = self.activation(self.from_code(code)).reshape(-1, *smallest, self.features[-1])
        for depth, (layer, (height, width)) in enumerate(zip(self.up, larger[::-1], strict=True)):
            x = layer(x)[:, :height, :width]
            x = self.activation(x) if depth < len(self.up) - 1 else x
        return x

    def _sizes(self) -> list[tuple[int, int]]:
        """(height, width) of the image and behind each convolution."""
        sizes = [(self.shape[0], self.shape[1])]
        for _ in self.features:
            height, width = sizes[-1]
            sizes.append((-(-height // 2), -(-width // 2)))
        return sizes
