"""A dataset as a run takes it: scaled, the training split whole, the others in padded batches."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdl.data.batches import padded_batches
from jaxdl.data.catalog import Dataset
from jaxdl.data.scaling import Scaling, apply

EVALUATION_BATCH = 2048


def for_run(
    dataset: Dataset,
    fit: Callable[[np.ndarray], Scaling],
    evaluation_batch: int = EVALUATION_BATCH,
) -> tuple[dict[str, Any], Scaling]:
    """`{"train": [N, ...], "validation", "test": [num_batches, B, ...]}` and the scaling used.

    fit: one of `scaling.SCALINGS`; it sees the training split only.
    """
    scaling = fit(dataset.train["x"])

    def scaled(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**arrays, "x": apply(scaling, arrays["x"])}

    splits: dict[str, Any] = {"train": scaled(dataset.train)}
    for name in ("validation", "test"):
        arrays = scaled(getattr(dataset, name))
        splits[name] = padded_batches(arrays, min(evaluation_batch, len(arrays["y"])))
    return splits, scaling
