"""A dataset as a run takes it: scaled, the training split whole, the others in padded batches."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxdl.data.batches import padded_batches
from jaxdl.data.catalog import Dataset
from jaxdl.data.check import check_arrays, check_finite
from jaxdl.data.errors import DataError
from jaxdl.data.scaling import Scaling, apply
from jaxdl.types import Batch

EVALUATION_BATCH = 2048


def for_run(
    dataset: Dataset,
    fit: Callable[[np.ndarray], Scaling],
    evaluation_batch: int = EVALUATION_BATCH,
) -> tuple[dict[str, Any], Scaling]:
    """`{"train": [N, ...], "validation", "test": [num_batches, B, ...]}` and the scaling used.

    fit: one of `scaling.SCALINGS`; it sees the training split only.
    Raises DataError as `check_arrays` does for what is scaled.
    """
    shape = dataset.train["x"].shape[1:]

    def checked(split: str) -> dict[str, np.ndarray]:
        arrays = getattr(dataset, split)
        where, found = f"{dataset.name}, split {split}", arrays["x"].shape[1:]
        check_finite(where, "x", arrays["x"])
        if found != shape:
            raise DataError(f"{where}: examples have shape {found}, those of train {shape}")
        return arrays

    scaling = fit(checked("train")["x"])

    def scaled(split: str) -> dict[str, np.ndarray]:
        arrays = checked(split)
        arrays = {**arrays, "x": apply(scaling, arrays["x"])}
        check_arrays(dataset.name, split, arrays, dataset.num_classes)
        return arrays

    parts = {split: scaled(split) for split in ("train", "validation", "test")}
    return in_batches(parts, evaluation_batch), scaling


def in_batches(
    parts: Mapping[str, Batch], evaluation_batch: int = EVALUATION_BATCH
) -> dict[str, Any]:
    """Parts of arrays as a run takes them: `train` as it is, the others in padded batches.

    evaluation_batch: examples of a batch; of a smaller part there are no more than it has.
    """
    return {
        name: arrays
        if name == "train"
        else padded_batches(arrays, min(evaluation_batch, len(next(iter(arrays.values())))))
        for name, arrays in parts.items()
    }
