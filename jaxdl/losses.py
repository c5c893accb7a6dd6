"""Losses of each example, in nats where they are log-likelihoods, and penalties on parameters.

Nothing is reduced over examples: sums, means and masks are the caller's. Integer labels are not
checked here, since indexing under jit clamps or wraps silently: they are validated on the host,
where the data is made. Arguments of different shapes raise ValueError instead of broadcasting.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxdl.types import Array, PyTree


def _require_shape(array: Array, shape: tuple[int, ...]) -> None:
    if jnp.shape(array) != tuple(shape):
        raise ValueError(f"targets have shape {jnp.shape(array)}, the outputs need {tuple(shape)}")


def _absolute(x: Array) -> Array:
    return x * jnp.sign(x)  # the derivative of jnp.abs at 0 is 1, which would move exact zeros


def zero_one(logits: Array, labels: Array) -> Array:
    """1 where the largest of logits `[..., C]` is not at the integer label `[...]`, else 0.

    A metric only: its gradient is zero everywhere. Ties go to the first class.
    """
    _require_shape(labels, logits.shape[:-1])
    return (jnp.argmax(logits, axis=-1) != labels).astype(logits.dtype)


def hinge(scores: Array, targets: Array) -> Array:
    """Binary hinge max(0, 1 − y·z) for scores z `[...]` and targets y ∈ {−1, 1} `[...]`.

    At the kink y·z = 1 the subgradient taken is −y/2.
    """
    _require_shape(targets, scores.shape)
    return optax.hinge_loss(scores, targets)


def perceptron(scores: Array, targets: Array) -> Array:
    """max(0, −y·z) for scores z `[...]` and targets y ∈ {−1, 1} `[...]` (Rosenblatt, 1958).

    The subgradient taken at z = 0 is −y, so that training starts from zero weights too.
    """
    _require_shape(targets, scores.shape)
    margins = targets * scores
    return jnp.where(margins > 0, 0.0, -margins)


def multiclass_hinge(scores: Array, labels: Array) -> Array:
    """max(0, 1 − (z_t − max_{i≠t} z_i)) for scores z `[..., C]` and integer labels t `[...]`.

    Source: Crammer & Singer, 2001. Where pieces of the maximum tie, their gradients are averaged.
    """
    _require_shape(labels, scores.shape[:-1])
    return optax.losses.multiclass_hinge_loss(scores, labels)


def binary_cross_entropy(logits: Array, targets: Array) -> Array:
    """−y·log σ(z) − (1−y)·log σ(−z), in nats, for logits z `[...]` and y in [0, 1] `[...]`."""
    _require_shape(targets, logits.shape)
    return optax.sigmoid_binary_cross_entropy(logits, targets)


def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """−log softmax(z)_t, in nats, for logits z `[..., C]` and integer labels t `[...]`."""
    _require_shape(labels, logits.shape[:-1])
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def soft_cross_entropy(logits: Array, probabilities: Array) -> Array:
    """−Σ_i p_i·log softmax(z)_i, in nats, for logits z and probabilities p `[..., C]`.

    Gives `[...]`. A logit of −inf, even at probability 0, gives NaN.
    """
    _require_shape(probabilities, logits.shape)
    return optax.softmax_cross_entropy(logits, probabilities)


def smooth_labels(labels: Array, num_classes: int, amount: ArrayLike) -> Array:
    """(1 − amount)·one_hot(label) + amount / num_classes: `[...]` to `[..., num_classes]`."""
    return optax.smooth_labels(jax.nn.one_hot(labels, num_classes), amount)


def squared_error(predictions: Array, targets: Array) -> Array:
    """(ŷ − y)², elementwise, in the targets' unit squared."""
    _require_shape(targets, predictions.shape)
    return optax.squared_error(predictions, targets)


def absolute_error(predictions: Array, targets: Array) -> Array:
    """|ŷ − y|, elementwise, in the targets' unit. The subgradient taken at ŷ = y is 0."""
    _require_shape(targets, predictions.shape)
    return _absolute(predictions - targets)


def huber(predictions: Array, targets: Array, delta: ArrayLike = 1.0) -> Array:
    """½e² where |e| = |ŷ − y| ≤ δ, else δ(|e| − ½δ), elementwise (Huber, 1964).

    Differentiable everywhere, for a δ > 0 that may be traced.
    """
    _require_shape(targets, predictions.shape)
    return optax.huber_loss(predictions, targets, delta=delta)


def negative_sampling(positive: Array, noise: Array) -> Array:
    """−log σ(w·c) − Σ_k log σ(−w·c′_k), in nats (Mikolov et al., 2013).

    positive: the logits w·c of true pairs, `[...]`; noise: those of the K noise words, `[..., K]`
    """
    _require_shape(positive, noise.shape[:-1])
    return jax.nn.softplus(-positive) + jax.nn.softplus(noise).sum(axis=-1)


def _sum_over(params: PyTree, mask: PyTree, measure: Callable[[Array], Array]) -> Array:
    sums = jax.tree.map(lambda leaf, take: measure(leaf).sum() if take else 0.0, params, mask)
    return jax.tree.reduce(jnp.add, sums, jnp.zeros(()))


def l1(params: PyTree, mask: PyTree) -> Array:
    """Σ|w| over the leaves where `mask`, a tree of booleans like `params`, is True.

    The subgradient taken at 0 is 0. Gradient steps only come near zero: exact zeros need the
    proximal step `soft_threshold`.
    """
    return _sum_over(params, mask, _absolute)


def l2(params: PyTree, mask: PyTree) -> Array:
    """Σw² over the leaves where `mask` is True, without a factor ½: the gradient is 2w."""
    return _sum_over(params, mask, jnp.square)


def elastic_net(params: PyTree, l1_amount: ArrayLike, l2_amount: ArrayLike, mask: PyTree) -> Array:
    """l1_amount·Σ|w| + l2_amount·Σw² over the leaves where `mask` is True (Zou & Hastie, 2005)."""
    return l1(params, mask) * l1_amount + l2(params, mask) * l2_amount


def soft_threshold(params: PyTree, amount: ArrayLike, mask: PyTree) -> PyTree:
    """sign(w)·max(|w| − amount, 0) on the leaves where `mask` is True; the others unchanged.

    The proximal map of amount·Σ|w|: after a gradient step of learning rate η on the smooth part of
    the objective, with amount = η·λ, this is ISTA (Daubechies et al., 2004).
    """

    def shrink(leaf: Array, take: bool) -> Array:
        return jnp.sign(leaf) * jnp.maximum(jnp.abs(leaf) - amount, 0) if take else leaf

    return jax.tree.map(shrink, params, mask)
