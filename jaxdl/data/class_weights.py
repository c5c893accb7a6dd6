"""Weights that make every class count alike."""

import numpy as np

from jaxdl.data.errors import DataError


def balanced(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """n / (K · n_k) for each class k of labels `[n]` in 0..K−1: float32 `[K]`, of mean 1 over them.

    As `class_weights` of `tasks.classification`. Raises DataError naming a class without examples.
    """
    counts = np.bincount(labels, minlength=num_classes)
    if len(counts) > num_classes:
        raise DataError(f"label {len(counts) - 1} is outside 0..{num_classes - 1}")
    if not counts.all():
        raise DataError(f"class {counts.argmin()} of {num_classes} has no example to be weighed")
    return (len(labels) / (num_classes * counts)).astype(np.float32)
