"""Dense players of a generative adversarial network (Goodfellow et al. 2014; with labels, Mirza &
Osindero 2014)."""

import math
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.models._mlp import MLP
from jaxdl.types import Array


def with_labels(x: Array, y: Array | None, num_classes: int) -> Array:
    """`x: [B, D]` beside the labels `y: [B]` as unit vectors: `[B, D + num_classes]`.

    With 0 classes, `x` as it is. Raises ValueError if there are classes but no labels.
    """
    if not num_classes:
        return x
    if y is None:
        raise ValueError(f"a model of {num_classes} classes needs the labels `y`")
    return jnp.concatenate([x, jax.nn.one_hot(y, num_classes, dtype=x.dtype)], axis=-1)


class Generator(nn.Module):
    """Noise `z: [B, L]` to examples `[B, *shape]`, by an MLP.

    features: hidden widths. num_classes: 0, or K for labels `y: [B]` in 0..K−1 beside the noise.
    output: elementwise, to the range of the data (tanh: −1..1; sigmoid: 0..1); default: none.
    """

    features: Sequence[int]
    shape: Sequence[int]
    num_classes: int = 0
    activation: Callable[[Array], Array] = nn.relu
    output: Callable[[Array], Array] = jnp.asarray
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool) -> Array:
        z = with_labels(z, y, self.num_classes)
        size = math.prod(self.shape)
        mlp = MLP(
            self.features, size, self.activation, kernel_init=self.kernel_init, dtype=self.dtype
        )
        return self.output(mlp(z, train=train)).reshape(len(z), *self.shape)


class Discriminator(nn.Module):
    """Examples `[B, ...]` to scores `[B]`, high for what looks real, by an MLP.

    The score is the logit of "real", or the value of a Wasserstein critic.
    features: hidden widths. num_classes: 0, or K for labels `y: [B]` in 0..K−1 beside the example.
    """

    features: Sequence[int]
    num_classes: int = 0
    activation: Callable[[Array], Array] = nn.leaky_relu
    dropout: float | Array = 0.0
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool) -> Array:
        x = with_labels(x.reshape(len(x), -1), y, self.num_classes)
        mlp = MLP(
            self.features, 1, self.activation, self.dropout, self.kernel_init, dtype=self.dtype
        )
        return mlp(x, train=train)[:, 0]
