"""Multi-layer perceptron: h = g(xW + b), row-major. Rumelhart, Hinton & Williams 1986."""

import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
from jax.typing import DTypeLike

from jaxdl.layers.dropout import Dropout
from jaxdl.types import Array


class MLP(nn.Module):
    """Dense layers with an activation and dropout after each hidden one.

    features: hidden widths; empty gives linear (or log-linear) regression.
    outputs: width K of the last, linear layer; output_init: of its kernel, by default kernel_init.
    Input `[B, ...]` is flattened to `[B, D]`; output `[B, K]`.
    """

    features: Sequence[int]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dropout: float | Array = 0.0
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    bias_init: Callable[..., Array] = nn.initializers.zeros_init()
    output_init: Callable[..., Array] | None = None
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        dense = functools.partial(nn.Dense, bias_init=self.bias_init, dtype=self.dtype)
        x = x.reshape(x.shape[0], -1)
        for width in self.features:
            x = dense(width, kernel_init=self.kernel_init)(x)
            x = Dropout(self.dropout)(self.activation(x), train=train)
        return dense(self.outputs, kernel_init=self.output_init or self.kernel_init)(x)
