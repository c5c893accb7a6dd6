import numpy as np
import pytest
from sklearn import datasets

from jaxdl.data.errors import DataError
from jaxdl.data.sources import tabular

SHAPES = {"iris": (150, 4, 3), "wine": (178, 13, 3), "breast_cancer": (569, 30, 2)}


@pytest.mark.parametrize("name", tabular.NAMES)
def test_the_splits_are_all_rows_of_sklearn_once(name):
    table = tabular.load(name)
    options = {"scaled": False} if name == "diabetes" else {}
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True, **options)
    parts = (table.train, table.validation, table.test)
    ours = np.concatenate([np.column_stack([part["x"], part["y"]]) for part in parts])
    theirs = np.column_stack([x, y]).astype(np.float32)
    np.testing.assert_array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])
    shares = [len(part["y"]) / len(y) for part in parts]
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=0.01)
    assert {part["x"].dtype for part in parts} == {np.dtype("float32")}
    assert len(table.features) == x.shape[1]


@pytest.mark.parametrize("name", SHAPES)
def test_classes_are_labels_in_equal_shares(name):
    n, features, classes = SHAPES[name]
    table = tabular.load(name)
    assert table.num_classes == classes
    assert table.train["x"].shape[1] == features
    whole = np.bincount(np.concatenate([table.train["y"], table.validation["y"], table.test["y"]]))
    for part in (table.train, table.validation, table.test):
        assert part["y"].dtype == np.int32
        np.testing.assert_allclose(np.bincount(part["y"]) / len(part["y"]), whole / n, atol=0.03)


def test_diabetes_has_real_targets():
    table = tabular.load("diabetes")
    assert table.num_classes is None
    assert table.train["y"].dtype == np.float32
    assert 25 <= table.train["y"].min() < table.train["y"].max() <= 346


def test_the_splits_never_change():
    """The fixed seed decides these; other labels mean that all results on tables have changed."""
    assert tabular.load("iris").test["y"][:6].tolist() == [2, 0, 1, 2, 1, 0]


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(DataError, match=r"unknown table 'irises', choose from iris, wine"):
        tabular.load("irises")
