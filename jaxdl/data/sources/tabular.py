"""The tables that scikit-learn ships, as three fixed splits of float32 features, offline."""

from typing import NamedTuple

import numpy as np

from jaxdl.data import splits
from jaxdl.data.check import check_arrays
from jaxdl.data.errors import DataError

NAMES = ("iris", "wine", "breast_cancer", "diabetes")


class Table(NamedTuple):
    """Three splits `{"x": float32 [N, D], "y": [N]}` of 60, 20 and 20 %, unscaled.

    y: int32 in 0..num_classes − 1, or float32 where `num_classes` is None (diabetes: a score of
        disease progression after a year).
    features: the D names of the columns
    """

    train: dict[str, np.ndarray]
    validation: dict[str, np.ndarray]
    test: dict[str, np.ndarray]
    num_classes: int | None
    features: tuple[str, ...]
    name: str


def load(name: str) -> Table:
    """One of `NAMES`; the splits are stratified by class and never change.

    150 iris flowers (4 features, 3 classes), 178 wines (13, 3), 569 breast tumours (30, 2), 442
    diabetics (10, a real number). Raises DataError for another name.
    """
    if name not in NAMES:
        raise DataError(f"unknown table {name!r}, choose from {', '.join(NAMES)}")
    from sklearn import datasets

    if name == "diabetes":
        raw = datasets.load_diabetes(scaled=False)
        y, num_classes = raw.target.astype(np.float32), None
    else:
        load_raw = {
            "iris": datasets.load_iris,
            "wine": datasets.load_wine,
            "breast_cancer": datasets.load_breast_cancer,
        }
        raw = load_raw[name]()
        y, num_classes = raw.target.astype(np.int32), len(raw.target_names)
    x = raw.data.astype(np.float32)
    found = {
        split: {"x": x[rows], "y": y[rows]}
        for split, rows in splits.rows(
            len(x), validation=0.2, test=0.2, strata=None if num_classes is None else y
        ).items()
    }
    for split, arrays in found.items():
        check_arrays(name, split, arrays, num_classes)
    return Table(**found, num_classes=num_classes, features=tuple(raw.feature_names), name=name)
