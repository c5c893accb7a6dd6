"""Metrics as `(sum, weight)` pairs: added over batches and divided, or otherwise ended, once.

`weight` has the shape of the labels: 0 is padding, which may hold anything, NaN too; 1 is an
ordinary example. Batch and time axes are alike, so `[B, T]` labels give metrics of tokens.
The functions that end a pair (`f1`, `r2`, ...) accept further leading axes, of trials say.
Everything is counted and returned in float32, from narrower arrays too, or in float64 if one is
given. What is NaN is no hit, and neither is a label that is no class.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.numerics import wide
from jaxdl.types import Array

Pair = tuple[Array, Array]


def mean(values: Array, weight: Array) -> Pair:
    """Weighted sum of values `[...]` and the sum of the weights `[...]`.

    Raises ValueError if the shapes differ.
    """
    if values.shape != weight.shape:
        raise ValueError(f"values have shape {values.shape}, their weights {weight.shape}")
    values, weight = wide(values, weight)
    # A padded value is left out, not multiplied by zero: it may be NaN.
    return jnp.sum(jnp.where(weight > 0, values, 0) * weight), jnp.sum(weight)


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


def moments(predictions: Array, targets: Array, weight: Array, centre: ArrayLike = 0.0) -> Pair:
    """Sums of y, y², e, e² (`[4]`), for targets y `[...]` less `centre`, errors e = y − ŷ `[...]`.

    centre: a number near the mean of the targets, the same for all batches. Sums of squares cancel
    where |mean| ≫ standard deviation; what is made of them is NaN then, not a wrong number.
    """
    predictions, targets, weight, centre = wide(predictions, targets, weight, centre)
    errors, centred = targets - predictions, targets - centre
    sums = [mean(values, weight)[0] for values in (centred, centred**2, errors, errors**2)]
    return jnp.stack(sums), jnp.sum(weight)


def r2(sums: Array, weight: Array) -> Array:
    """1 − Σe² / Σ(y − ȳ)², from `moments`. NaN for constant targets, or too far from `centre`."""
    sums, weight = wide(sums, weight)
    y, y_squared, _, e_squared = jnp.moveaxis(sums, -1, 0)
    return 1 - e_squared / _spread(y, y_squared, weight)


def explained_variance(sums: Array, weight: Array) -> Array:
    """1 − Var(e) / Var(y), from `moments`. NaN for constant targets, or too far from `centre`."""
    sums, weight = wide(sums, weight)
    y, y_squared, e, e_squared = jnp.moveaxis(sums, -1, 0)
    return 1 - (e_squared - e**2 / weight) / _spread(y, y_squared, weight)


def _spread(total: Array, squares: Array, weight: Array) -> Array:
    """Σ(y − ȳ)²; NaN where the difference has fewer than some three digits."""
    spread = squares - total**2 / weight
    return jnp.where(spread > 1000 * jnp.finfo(spread.dtype).eps * squares, spread, jnp.nan)
