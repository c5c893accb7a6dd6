"""Metrics as `(sum, weight)` pairs: added over batches and divided, or otherwise ended, once.

`weight` has the shape of the labels: 0 is padding, which may hold anything, NaN too; 1 is an
ordinary example. Batch and time axes are alike, so `[B, T]` labels give metrics of tokens.
The functions that end a pair (`f1`, `r2`, ...) accept further leading axes, of trials say.
"""

import jax
import jax.numpy as jnp

from jaxdl.types import Array

Pair = tuple[Array, Array]


def mean(values: Array, weight: Array) -> Pair:
    """Weighted sum of values `[...]` and the sum of the weights `[...]`.

    Raises ValueError if the shapes differ.
    """
    if values.shape != weight.shape:
        raise ValueError(f"values have shape {values.shape}, their weights {weight.shape}")
    # A padded value is left out, not multiplied by zero: it may be NaN.
    return jnp.sum(jnp.where(weight > 0, values, 0) * weight), jnp.sum(weight)


def accuracy(logits: Array, labels: Array, weight: Array) -> Pair:
    """Share of examples whose largest logit `[..., C]` is at the integer label `[...]`."""
    return mean(jnp.argmax(logits, axis=-1) == labels, weight)


def top_k_accuracy(logits: Array, labels: Array, weight: Array, k: int) -> Pair:
    """Share of examples whose label `[...]` is among the k largest logits `[..., C]`.

    Ties go to the lower class.
    """
    _, best = jax.lax.top_k(logits, k)
    return mean(jnp.any(best == labels[..., None], axis=-1), weight)


def confusion(predicted: Array, labels: Array, weight: Array, num_classes: int) -> Pair:
    """Weight of each (true class, predicted class), `[C, C]`, from integer arrays `[...]`.

    An example of a class outside 0..C−1 is in no cell. `precision`, `recall` and `f1` accept the
    sum as well as the sum divided by the weight.
    """
    rows = jax.nn.one_hot(labels.reshape(-1), num_classes)
    columns = jax.nn.one_hot(predicted.reshape(-1), num_classes)
    return rows.T @ (columns * weight.reshape(-1, 1)), jnp.sum(weight)


def _share(part: Array, whole: Array) -> Array:
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1), 0)


def precision(confused: Array) -> Array:
    """Of what is predicted as a class, the share that is of it: `[..., C, C]` to `[..., C]`.

    0 for a class that is never predicted.
    """
    return _share(jnp.diagonal(confused, axis1=-2, axis2=-1), confused.sum(axis=-2))


def recall(confused: Array) -> Array:
    """Of what is of a class, the share predicted as it: `[..., C, C]` to `[..., C]`.

    0 for a class without examples.
    """
    return _share(jnp.diagonal(confused, axis1=-2, axis2=-1), confused.sum(axis=-1))


def f1(confused: Array) -> Array:
    """Harmonic mean of precision and recall for each class: `[..., C, C]` to `[..., C]`.

    0 for a class neither predicted nor present. Their mean over classes is the macro F1.
    """
    hits = jnp.diagonal(confused, axis1=-2, axis2=-1)
    return _share(2 * hits, confused.sum(axis=-2) + confused.sum(axis=-1))


def perplexity(nats: Array, tokens: Array) -> Array:
    """exp(nats / tokens), from a summed cross-entropy in nats and the tokens it was summed over."""
    return jnp.exp(nats / tokens)


def moments(predictions: Array, targets: Array, weight: Array) -> Pair:
    """Sums of y, y², e, e² (`[4]`), for targets y `[...]` and errors e = y − ŷ `[...]`.

    Sums of squares cancel when |mean| ≫ standard deviation: standardize such targets.
    """
    errors = targets - predictions
    sums = [mean(values, weight)[0] for values in (targets, targets**2, errors, errors**2)]
    return jnp.stack(sums), jnp.sum(weight)


def r2(sums: Array, weight: Array) -> Array:
    """1 − Σe² / Σ(y − ȳ)², from `moments`. Not finite for constant targets."""
    y, y_squared, _, e_squared = jnp.moveaxis(sums, -1, 0)
    return 1 - e_squared / (y_squared - y**2 / weight)


def explained_variance(sums: Array, weight: Array) -> Array:
    """1 − Var(e) / Var(y), from `moments`. Not finite for constant targets."""
    y, y_squared, e, e_squared = jnp.moveaxis(sums, -1, 0)
    return 1 - (e_squared - e**2 / weight) / (y_squared - y**2 / weight)
