import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import LabelEncoder, StandardScaler

from jaxdl.data import DataError, targets

LABELS = {
    "text": ["b", "a", "c", "a"],
    "truth": [True, False, False, True],
    "whole": [10, 2, 2, 7],
    "real": [0.5, 2.5, 0.5, 1.25],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_classes_are_those_of_scikit_learn_and_come_back_as_what_they_were(labels):
    frame = pd.DataFrame({"kind": labels})
    target = targets.fit(frame, ["kind"], "classes")
    ids = targets.encode(target, frame)
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(ids, LabelEncoder().fit_transform(labels))
    found = targets.labels(target, np.eye(target.outputs)[ids])
    np.testing.assert_array_equal(found, labels)
    assert found.dtype.kind == np.asarray(labels).dtype.kind


def test_numbers_are_those_of_scikit_learn_and_come_back_in_their_unit():
    frame = pd.DataFrame({"a": [1e8, 1e8 + 1, 1e8 + 4], "b": [0.0, 0.5, 2.5]})
    target = targets.fit(frame, ["a", "b"])
    y = targets.encode(target, frame)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, StandardScaler().fit_transform(frame), rtol=1e-6)
    np.testing.assert_allclose(targets.labels(target, y), frame, rtol=1e-7, atol=1e-6)
    single = targets.fit(frame, ["b"])
    np.testing.assert_allclose(targets.labels(single, y[:, 1:]), frame["b"], atol=1e-6)


def test_what_a_column_is_follows_from_what_stands_in_it():
    many = pd.DataFrame({"y": np.arange(21)})
    assert targets.fit(many, ["y"]).classes is None
    assert targets.fit(many, ["y"], "classes").outputs == 21
    assert targets.fit(pd.DataFrame({"y": [0.5, 1.0]}), ["y"]).classes is None
    assert targets.fit(pd.DataFrame({"y": [True, False]}), ["y"]).classes == ("False", "True")
    assert targets.fit(pd.DataFrame({"y": [1, 2]}), ["y"], "numbers").classes is None


def fitted(values, kind=""):
    return targets.fit(pd.DataFrame({"y": values}), ["y"], kind)


WRONG = {
    "undecided": (lambda: fitted([1, 2, 2]), "'y' holds 2 different whole numbers: say whether"),
    "a gap": (lambda: fitted([1.5, None]), "target 'y', row 1: there is no value (1 of 2 rows)"),
    "no kind": (lambda: fitted([1, 2], "class"), "target_is: 'class' is neither 'classes' nor"),
    "one class": (lambda: fitted(["a", "a"]), "target 'y' has a single class, 'a'"),
    "one number": (lambda: fitted([1.5, 1.5]), "target 'y' is 1.5 on all 2 rows"),
    "text": (
        lambda: fitted(["a", "b"], "numbers"), "column 'y', row 0: 'a' is no number (2 of 2 rows)"
    ),
    "two of classes": (
        lambda: targets.fit(pd.DataFrame({"a": ["x", "y"], "b": [0.5, 1]}), ["a", "b"]),
        "target 'a' is text: of several targets all have to be numbers",
    ),
    "another class": (
        lambda: targets.encode(fitted(["a", "b"]), pd.DataFrame({"y": ["a", "c"]})),
        "target 'y', row 1: 'c' is none of a, b (1 of 2 rows)",
    ),
    "another width": (
        lambda: targets.labels(fitted(["a", "b"]), np.zeros((4, 3))),
        "outputs have shape (4, 3), not [..., 2]",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_line(call, message):
    with pytest.raises(DataError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
