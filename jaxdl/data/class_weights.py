"""Weights that make every class count alike."""

import numpy as np

from jaxdl.data.errors import DataError


def balanced(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """n / (K · n_k) for each class k of labels `[n]` in 0..K−1: float32 `[K]`, of mean 1 over them.

    As `class_weights` of `tasks.classification`. Raises DataError naming a class without examples,
    or a label that is none of them.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise DataError(f"labels have dtype {labels.dtype}, integers are needed")
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if outside.size:
        raise DataError(f"label {outside[0]} is outside 0..{num_classes - 1}")
    counts = np.bincount(labels.astype(np.int64), minlength=num_classes)
    if not counts.all():
        raise DataError(f"class {counts.argmin()} of {num_classes} has no example to be weighed")
    return (len(labels) / (num_classes * counts)).astype(np.float32)
