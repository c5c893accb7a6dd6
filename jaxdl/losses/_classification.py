"""Losses of classes and labels, one value per example."""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxdl.losses._common import require_shape
from jaxdl.numerics import loud, wide
from jaxdl.types import Array


def _as_ids(labels: Array) -> Array:
    """Integer labels of 32 bits at least: in 8 the number of a class may be that of another."""
    labels = jnp.asarray(labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"labels are integers, not {labels.dtype}")
    return labels.astype(jnp.promote_types(labels.dtype, jnp.int32))


def _one_hot(labels: Array, classes: int) -> Array:
    """Booleans `[..., C]`, all False for a label that is none of the classes."""
    return jax.nn.one_hot(_as_ids(labels), classes, dtype=bool)


def zero_one(logits: Array, labels: Array) -> Array:
    """1 where the largest of logits `[..., C]` is not at the integer label `[...]`, else 0.

    A metric only: its gradient is zero everywhere. Ties go to the first class; a NaN among the
    logits, or a label that is no class, is an error.
    """
    require_shape(labels, logits.shape[:-1])
    (logits,) = wide(logits)
    hit = (jnp.argmax(logits, axis=-1) == labels) & ~jnp.isnan(logits.max(axis=-1))
    return (~hit).astype(logits.dtype)


def hinge(scores: Array, targets: Array) -> Array:
    """Binary hinge max(0, 1 − y·z) for scores z `[...]` and targets y ∈ {−1, 1} `[...]`.

    At the kink y·z = 1 the subgradient taken is −y/2. NaN for another y, such as 0.
    """
    require_shape(targets, jnp.shape(scores))
    scores, targets = wide(scores, targets)
    targets, valid = _signs(scores, targets)
    return loud(optax.hinge_loss(scores, targets), valid)


def perceptron(scores: Array, targets: Array) -> Array:
    """max(0, −y·z) for scores z `[...]` and targets y ∈ {−1, 1} `[...]` (Rosenblatt, 1958).

    The subgradient taken at z = 0 is −y, so that training starts from zero weights too. NaN for
    another y, such as 0.
    """
    require_shape(targets, jnp.shape(scores))
    scores, targets = wide(scores, targets)
    targets, valid = _signs(scores, targets)
    margins = targets * scores
    return loud(jnp.where(margins > 0, 0.0, -margins), valid)


def _signs(scores: Array, targets: Array) -> tuple[Array, Array]:
    """Targets y ∈ {−1, 1} and where they are; elsewhere the wrong one, whose gradient is not 0."""
    valid = jnp.abs(targets) == 1
    return jnp.where(valid, targets, jnp.where(scores > 0, -1, 1)), valid


def multiclass_hinge(scores: Array, labels: Array) -> Array:
    """max(0, 1 − (z_t − max_{i≠t} z_i)) for scores z `[..., C]` and integer labels t `[...]`.

    Source: Crammer & Singer, 2001. Where pieces of the maximum tie, their gradients are averaged.
    NaN for a label outside 0..C−1.
    """
    require_shape(labels, scores.shape[:-1])
    (scores,) = wide(scores)
    own = _one_hot(labels, scores.shape[-1])
    lead = jnp.where(own, scores, 0).sum(axis=-1)
    return loud(jnp.max(jnp.where(own, scores, scores + 1), axis=-1) - lead, own.any(axis=-1))


def binary_cross_entropy(logits: Array, targets: Array) -> Array:
    """−y·log σ(z) − (1−y)·log σ(−z), in nats, for logits z `[...]` and y in [0, 1] `[...]`.

    0·∞ is 0, as in the limit. NaN for a y further outside than rounding goes, 0.001.
    """
    require_shape(targets, jnp.shape(logits))
    logits, targets = wide(logits, targets)
    valid = jnp.abs(targets - 0.5) < 0.501
    targets = jnp.where(valid, targets, jnp.where(logits > 0, 0, 1))

    def share(amount: Array, nats: Array) -> Array:
        return amount * jnp.where((amount == 0) & jnp.isinf(nats), 0, nats)

    ones, zeros = jax.nn.softplus(-logits), jax.nn.softplus(logits)
    return loud(share(targets, ones) + share(1 - targets, zeros), valid)


def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """−log softmax(z)_t, in nats, for logits z `[..., C]` and integer labels t `[...]`.

    As softplus(log Σ_{i≠t} exp z_i − z_t), so that no digit is lost where the model is certain. A
    class may have the logit −∞. NaN for a label outside 0..C−1.
    """
    require_shape(labels, logits.shape[:-1])
    (logits,) = wide(logits)
    labels, classes = _as_ids(labels), logits.shape[-1]
    values = _against_others(logits, labels)
    return loud(values, (labels >= 0) & (labels < classes))


def negative_log_likelihood(log_probabilities: Array, labels: Array) -> Array:
    """−log p_t, in nats, of log-probabilities `[..., C]` and integer labels t `[...]`.

    They need not add up to 1: of an input together with each class, log P(x, t), it is the loss of
    a generative model. NaN for a label outside 0..C−1.
    """
    require_shape(labels, log_probabilities.shape[:-1])
    (log_probabilities,) = wide(log_probabilities)
    labels, classes = _as_ids(labels), log_probabilities.shape[-1]
    values = jnp.take_along_axis(log_probabilities, labels[..., None], axis=-1, mode="clip")
    return loud(-values[..., 0], (labels >= 0) & (labels < classes))


@jax.custom_jvp
def _against_others(logits: Array, labels: Array) -> Array:
    return _nats(*_powers(logits, labels))


@_against_others.defjvp
def _against_others_jvp(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    # Σ_{i≠t} p_i dz_i − (Σ_{i≠t} p_i) dz_t: p_t − 1 would cancel, and log 0 have no second
    # derivative. One coefficient for each logit: the gradient is a single pass over them.
    (logits, labels), (change, _) = primals, tangents
    others, lead = _powers(logits, labels)
    rest = others.sum(axis=-1)
    whole = (rest + jnp.exp(lead))[..., None]
    own = _one_hot(labels, logits.shape[-1])
    slopes = jnp.where(own, -rest[..., None], others) / whole
    return _nats(others, lead), (slopes * change).sum(axis=-1)


def _powers(logits: Array, labels: Array) -> tuple[Array, Array]:
    """exp(z_i − max z) of the others, 0 for the own class, and z_t − max z."""
    below = logits - jax.lax.stop_gradient(logits.max(axis=-1, keepdims=True))
    others = jnp.where(_one_hot(labels, logits.shape[-1]), 0, jnp.exp(below))
    # One number of each row, where a masked sum would pass over all of them again.
    lead = jnp.take_along_axis(below, labels[..., None], axis=-1, mode="clip")[..., 0]
    return others, lead


def _nats(others: Array, lead: Array) -> Array:
    return jax.nn.softplus(jnp.log(others.sum(axis=-1)) - lead)


def soft_cross_entropy(logits: Array, probabilities: Array) -> Array:
    """−Σ_i p_i·log softmax(z)_i, in nats, for logits z and probabilities p `[..., C]`.

    Gives `[...]`. A class of probability 0 may have the logit −∞: 0·∞ is 0, as in the limit.
    """
    require_shape(probabilities, logits.shape)
    logits, probabilities = wide(logits, probabilities)
    nats = -jax.nn.log_softmax(logits)
    nats = jnp.where((probabilities == 0) & jnp.isposinf(nats), 0, nats)
    return (probabilities * nats).sum(axis=-1)


def distillation(
    logits: Array, teacher: Array, labels: Array, temperature: ArrayLike, alpha: ArrayLike
) -> Array:
    """α·τ²·KL(softmax(v/τ) ‖ softmax(z/τ)) − (1−α)·log softmax(z)_t, in nats.

    Source: Hinton, Vinyals & Dean, 2015. For logits z and those of a teacher v, `[..., C]`, and
    integer labels t `[...]`; τ > 0 and α may be traced. τ² keeps the gradient's size: for large τ
    it tends to α·(z − v)/C of centred logits. No gradient goes to the teacher.
    """
    require_shape(teacher, logits.shape)
    logits, teacher = wide(logits, jax.lax.stop_gradient(teacher))
    ours, theirs = (jax.nn.log_softmax(z / temperature) for z in (logits, teacher))
    # A class that the teacher excludes, with −∞, adds nothing: 0·log 0 is 0.
    excluded = jnp.isneginf(theirs)
    apart = jnp.where(excluded, 0, theirs) - jnp.where(excluded, 0, ours)
    divergence = (jnp.exp(theirs) * apart).sum(axis=-1)
    hard = softmax_cross_entropy(logits, labels)
    return jnp.asarray(alpha * temperature**2 * divergence + (1 - alpha) * hard)


def smooth_labels(labels: Array, num_classes: int, amount: ArrayLike) -> Array:
    """(1 − amount)·one_hot(label) + amount / num_classes: `[...]` to `[..., num_classes]`.

    NaN for a label outside 0..num_classes−1.
    """
    own = _one_hot(labels, num_classes)
    hot, amount = wide(own, amount)
    return jnp.where(own.any(axis=-1, keepdims=True), optax.smooth_labels(hot, amount), jnp.nan)


def negative_sampling(positive: Array, noise: Array) -> Array:
    """−log σ(w·c) − Σ_k log σ(−w·c′_k), in nats (Mikolov et al., 2013).

    positive: the logits w·c of true pairs, `[...]`; noise: those of the K noise words, `[..., K]`
    """
    require_shape(positive, noise.shape[:-1])
    positive, noise = wide(positive, noise)
    return jax.nn.softplus(-positive) + jax.nn.softplus(noise).sum(axis=-1)
