"""Metrics of classes."""

import jax
import jax.numpy as jnp

from jaxdl.metrics._sums import Pair, mean
from jaxdl.numerics import wide
from jaxdl.types import Array


def likeliest(logits: Array) -> Array:
    """The class of the largest logit, `[..., C]` to int32 `[...]`; −1, no class, beside a NaN.

    Of equals the first.
    """
    best = jnp.argmax(logits, axis=-1).astype(jnp.int32)
    return jnp.where(jnp.isnan(logits.max(axis=-1)), -1, best)


def accuracy(logits: Array, labels: Array, weight: Array) -> Pair:
    """Share of examples whose largest logit `[..., C]` is at the integer label `[...]`.

    Of equals the first counts. A NaN among the logits is no hit.
    """
    return mean((likeliest(logits) == labels) & (labels >= 0), weight)


def top_k_accuracy(logits: Array, labels: Array, weight: Array, k: int) -> Pair:
    """Share of examples whose label `[...]` is among the k largest logits `[..., C]`.

    Ties go to the lower class. A NaN among the logits is no hit. ValueError for a k outside 1..C.
    """
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(f"k {k} is outside 1..{logits.shape[-1]}, the number of classes")
    _, best = jax.lax.top_k(logits, k)
    hits = jnp.any(best == labels[..., None], axis=-1) & ~jnp.isnan(logits.max(axis=-1))
    return mean(hits, weight)


def confusion(predicted: Array, labels: Array, weight: Array, num_classes: int) -> Pair:
    """Weight of each (true class, predicted class), `[C, C]`, from integer arrays `[...]`.

    An example of a class outside 0..C−1 is in no cell. `precision`, `recall` and `f1` accept the
    sum as well as the sum divided by the weight.
    """
    (weight,) = wide(weight)
    columns = _one_hot(predicted, num_classes) * weight.reshape(-1, 1)
    # The default precision of an accelerator's products has 8 or 10 bits for a weight.
    counts = jnp.matmul(_one_hot(labels, num_classes).T, columns, precision="highest")
    return counts.astype(weight.dtype), jnp.sum(weight)


def _one_hot(classes: Array, number: int) -> Array:
    return jax.nn.one_hot(jnp.ravel(classes).astype(jnp.int32), number, dtype=jnp.float32)


def _share(part: Array, whole: Array) -> Array:
    part, whole = wide(part, whole)
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1), 0)


def precision(confused: Array) -> Array:
    """Of what is predicted as a class, the share that is of it: `[..., C, C]` to `[..., C]`.

    0 for a class that is never predicted.
    """
    hits, _, found = _counts(confused)
    return _share(hits, found)


def recall(confused: Array) -> Array:
    """Of what is of a class, the share predicted as it: `[..., C, C]` to `[..., C]`.

    0 for a class without examples.
    """
    hits, there, _ = _counts(confused)
    return _share(hits, there)


def f1(confused: Array) -> Array:
    """Harmonic mean of precision and recall for each class: `[..., C, C]` to `[..., C]`.

    0 for a class neither predicted nor present. `macro` says which classes the macro F1 is over.
    """
    hits, there, found = _counts(confused)
    return _share(2 * hits, there + found)


def there(confused: Array) -> Array:
    """Which classes have examples: `[..., C, C]` to booleans `[..., C]`."""
    return _counts(confused)[1] > 0


def seen(confused: Array) -> Array:
    """Which classes have examples or are predicted: `[..., C, C]` to booleans `[..., C]`."""
    _, there, found = _counts(confused)
    return there + found > 0


def macro(scores: Array, classes: Array) -> Array:
    """Mean of the scores `[..., C]` of those classes, booleans `[..., C]`, giving `[...]`.

    `macro(f1(c), seen(c))` is scikit-learn's macro F1 without `labels`: over what occurs in the
    labels or the predictions. With `there(c)` it is that over the classes in the labels, and
    `f1(c).mean(-1)` that over all C, where one that does not occur counts as 0: a test set without
    some of the classes then has less than 1 at best. NaN without a class.
    """
    (scores,) = wide(scores)
    return scores.mean(axis=-1, where=classes)


def _counts(confused: Array) -> tuple[Array, Array, Array]:
    """Weight of what is right, there and predicted of each class, `[..., C]`."""
    (confused,) = wide(confused)
    hits = jnp.diagonal(confused, axis1=-2, axis2=-1)
    return hits, confused.sum(axis=-1), confused.sum(axis=-2)


def perplexity(nats: Array, tokens: Array) -> Array:
    """exp(nats / tokens), from a summed cross-entropy in nats and the tokens it was summed over."""
    nats, tokens = wide(nats, tokens)
    return jnp.exp(nats / tokens)
