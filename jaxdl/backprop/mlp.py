"""Back-propagation of an MLP. Rumelhart, Hinton & Williams 1986, https://doi.org/10.1038/323533a0

Forward, for layers l = 1 … L with a⁰ = x:   zˡ = aˡ⁻¹ Wˡ + bˡ,   aˡ = g(zˡ)   (zᴸ: the logits).
Backward, with δˡ = ∂loss/∂zˡ:
    δᴸ = (softmax(zᴸ) − onehot(y)) / B
    δˡ = (δˡ⁺¹ Wˡ⁺¹ᵀ) ⊙ g′(zˡ)
    ∂loss/∂Wˡ = aˡ⁻¹ᵀ δˡ,   ∂loss/∂bˡ = Σ over the batch of δˡ
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl import losses
from jaxdl.numerics import narrowed, wide
from jaxdl.types import Array

Elementwise = Callable[[Array], Array]


class Layer(NamedTuple):
    """kernel W `[n_in, n_out]` and bias b `[n_out]`, or the gradients of the loss by them."""

    kernel: Array
    bias: Array


def forward(
    layers: Sequence[Layer], x: Array, activation: Elementwise
) -> tuple[list[Array], list[Array]]:
    """All that the backward pass needs: inputs aˡ⁻¹ and pre-activations zˡ of each layer.

    x `[B, D]`. The last pre-activations are the logits `[B, K]`.
    """
    inputs, pre_activations = [x], []
    for kernel, bias in layers:
        z = inputs[-1] @ kernel + jnp.broadcast_to(bias, (len(x), len(bias)))
        pre_activations.append(z)
        inputs.append(activation(z))
    return inputs[:-1], pre_activations


def backward(
    layers: Sequence[Layer],
    inputs: Sequence[Array],
    pre_activations: Sequence[Array],
    delta: Array,
    derivative: Elementwise,
) -> list[Layer]:
    """Gradients of each layer from δᴸ `[B, K]`: the recursion from the last layer to the first."""
    gradients = [Layer(inputs[-1].T @ delta, delta.sum(axis=0))]
    for layer in reversed(range(len(layers) - 1)):
        delta = (delta @ layers[layer + 1].kernel.T) * derivative(pre_activations[layer])
        gradients.append(Layer(inputs[layer].T @ delta, delta.sum(axis=0)))
    return gradients[::-1]


def loss_and_gradients(
    layers: Sequence[Layer],
    x: Array,
    labels: Array,
    activation: Elementwise,
    derivative: Elementwise,
) -> tuple[Array, list[Layer]]:
    """Mean softmax cross-entropy in nats and its gradients by every kernel and bias.

    x `[B, D]`, labels `[B]` in 0 … K−1; derivative: g′ as a function of z, as `activation` is g.
    The loss and δᴸ are computed in float32 at least; a label that is no class makes both NaN.
    """
    inputs, pre_activations = forward(layers, x, activation)
    loss = losses.softmax_cross_entropy(pre_activations[-1], labels).mean()
    (logits,) = wide(pre_activations[-1])
    probabilities = jax.nn.softmax(logits)
    targets = losses.smooth_labels(labels, probabilities.shape[1], 0.0)
    delta = narrowed((probabilities - targets) / len(x), pre_activations[-1])
    return loss, backward(layers, inputs, pre_activations, delta, derivative)
