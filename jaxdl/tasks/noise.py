"""Noise on inputs, labels and weights, in training only (Bishop 1995; Szegedy et al. 2016).

`in_training(task, change)` is the way for all that is done to a batch: augmentation and noise of
inputs (`jaxdl.data.augmentation`), smoothed or wrong labels.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl import losses, metrics
from jaxdl.tasks._supervised import supervised
from jaxdl.tasks.networks import Model
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def in_training(task: Task, change: Callable[[Batch, Array], Batch]) -> Task:
    """The task on batches `change(batch, key)` in training, on plain ones in evaluation."""

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        if train:
            change_key, key = jax.random.split(key)
            batch = change(batch, change_key)
        return task.loss(params, model_state, batch, key, train=train)

    return task._replace(loss=loss)


def weight_noise(task: Task, deviation: ArrayLike) -> Task:
    """L(θ + σε, x, y) in training, ε standard normal, drawn anew each step (Graves 2011).

    deviation: σ, may be traced; 0 is the task as it was.
    """

    def noisy(leaf: Array, key: Array) -> Array:
        # A narrow draw is coarse: bfloat16 knows no normal number beyond 2.7.
        wide = jnp.promote_types(leaf.dtype, jnp.float32)
        sigma = jnp.asarray(deviation, wide)
        return (leaf + sigma * jax.random.normal(key, leaf.shape, wide)).astype(leaf.dtype)

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        if train:
            noise_key, key = jax.random.split(key)
            leaves, structure = jax.tree.flatten(params)
            keys = jax.random.split(noise_key, len(leaves))
            params = jax.tree.unflatten(structure, map(noisy, leaves, keys))
        return task.loss(params, model_state, batch, key, train=train)

    return task._replace(loss=loss)


def soft_classification(
    model: Model, num_classes: int, *, penalty: Callable[[PyTree], Array] | None = None
) -> Task:
    """Classification of logits `[B, K]` whose targets are labels `[B]` or probabilities `[B, K]`.

    So what `in_training` makes of the labels may be soft, and evaluation keeps the plain ones.
    Reports `loss` (nats) and `accuracy` (of the likeliest class).
    """

    def probabilities(y: Array) -> Array:
        return y if y.ndim == 2 else jax.nn.one_hot(y, num_classes)

    def loss(logits: Array, y: Array) -> Array:
        return losses.soft_cross_entropy(logits, probabilities(y))

    def measure(logits: Array, y: Array, weights: Array) -> Metrics:
        return {"accuracy": metrics.accuracy(logits, probabilities(y).argmax(axis=-1), weights)}

    return supervised(model, loss, measure, penalty)


def smooth_labels(batch: Batch, num_classes: int, amount: ArrayLike) -> Batch:
    """Labels `y: [B]` as (1 − amount)·one_hot + amount / K, `[B, K]` (Szegedy et al. 2016)."""
    return {**batch, "y": losses.smooth_labels(batch["y"], num_classes, amount)}


def flip_labels(batch: Batch, key: Array, num_classes: int, probability: ArrayLike) -> Batch:
    """Each label `y: [B]` replaced, with this probability, by another one of the K, uniform."""
    flip_key, other_key = jax.random.split(key)
    y = batch["y"]
    flipped = jax.random.bernoulli(flip_key, jnp.asarray(probability, float), y.shape)
    # In 32 bits: the sum of two labels may be beyond what labels are kept in.
    other = jax.random.randint(other_key, y.shape, 1, num_classes)
    moved = (y.astype(other.dtype) + other) % num_classes
    return {**batch, "y": jnp.where(flipped, moved.astype(y.dtype), y)}
