"""Metrics as `(sum, weight)` pairs: added over batches and divided, or otherwise ended, once.

`weight` has the shape of the labels: 0 is padding, which may hold anything, NaN too; 1 is an
ordinary example. Batch and time axes are alike, so `[B, T]` labels give metrics of tokens.
The functions that end a pair (`f1`, `r2`, ...) accept further leading axes, of trials say.
Everything is counted and returned in float32, from narrower arrays too, or in float64 if one is
given. What is NaN is no hit, and neither is a label that is no class.
"""

from jaxdl.metrics import retrieval, spans
from jaxdl.metrics._classification import (
    accuracy,
    confusion,
    f1,
    likeliest,
    macro,
    perplexity,
    precision,
    recall,
    seen,
    there,
    top_k_accuracy,
)
from jaxdl.metrics._edit_distance import edit_distance
from jaxdl.metrics._regression import coverage, explained_variance, moments, r2, rmse
from jaxdl.metrics._sums import Pair, mean

__all__ = [
    "Pair",
    "accuracy",
    "confusion",
    "coverage",
    "edit_distance",
    "explained_variance",
    "f1",
    "likeliest",
    "macro",
    "mean",
    "moments",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "retrieval",
    "rmse",
    "seen",
    "spans",
    "there",
    "top_k_accuracy",
]
