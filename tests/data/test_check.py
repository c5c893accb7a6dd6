import re

import numpy as np
import pytest

from jaxdl.data import DataError
from jaxdl.data.check import check_arrays


def _arrays(**changes):
    arrays = {"x": np.zeros((6, 2), np.float32), "y": np.arange(6), "mask": np.ones(6)}
    return arrays | changes


def _set(array, row, value):
    changed = np.array(array)
    changed[row] = value
    return changed


GOOD = _arrays()
CASES = {
    "label past the end": (_arrays(y=_set(GOOD["y"], 4, 6)), "row 4: label 6 is outside 0..5"),
    "label −1": (_arrays(y=_set(GOOD["y"], 2, -1)), "row 2: label -1 is outside 0..5"),
    "first of several": (_arrays(y=np.array([0, 9, 0, 9, 0, 0])), "row 1: label 9 is outside"),
    "labels of a sequence": (
        _arrays(y=_set(np.zeros((6, 3), int), (5, 1), 7)),
        "row 5: label 7 is outside 0..5",
    ),
    "NaN": (_arrays(x=_set(GOOD["x"], (3, 1), np.nan)), "row 3: x is not finite"),
    "inf": (_arrays(x=_set(GOOD["x"], (0, 1), -np.inf)), "row 0: x is not finite"),
    "NaN in mask": (_arrays(mask=_set(GOOD["mask"], 1, np.nan)), "row 1: mask is not finite"),
    "negative mask": (_arrays(mask=_set(GOOD["mask"], 1, -0.5)), "row 1: mask is negative (-0.5)"),
    "empty": ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, "no examples"),
    "unequal": (_arrays(y=np.arange(5)), "arrays of unequal length (x 6, y 5, mask 6)"),
    "float labels": (_arrays(y=np.arange(6.0)), "y has dtype float64, integer labels are needed"),
    "strings": (_arrays(x=np.array(list("abcdef"))), "x has dtype <U1, real numbers are needed"),
    "objects": (_arrays(x=np.array([None] * 6)), "x has dtype object, real numbers are needed"),
    "complex": (_arrays(x=np.zeros(6, complex)), "x has dtype complex128, real numbers"),
    "no labels": ({"x": GOOD["x"]}, "no array y"),
}


@pytest.mark.parametrize(("arrays", "message"), CASES.values(), ids=CASES)
def test_malformed_arrays_are_refused_by_name_split_and_row(arrays, message):
    with pytest.raises(DataError, match=r"^toy, split train[:,] " + re.escape(message)):
        check_arrays("toy", "train", arrays, 6)


def test_scalars_are_no_arrays():
    with pytest.raises(DataError, match="no examples"):
        check_arrays("toy", "train", {"x": np.float32(1), "y": np.int32(1)}, 6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float16, np.float32, np.float64])
def test_good_arrays_pass(dtype):
    check_arrays("toy", "train", _arrays(x=np.ones((6, 2), dtype)), 6)


def test_regression_targets_are_finite_floats():
    check_arrays("toy", "train", _arrays(y=np.linspace(-1, 1, 6)), None)
    with pytest.raises(DataError, match="toy, split test, row 5: y is not finite"):
        check_arrays("toy", "test", _arrays(y=np.array([0, 0, 0, 0, 0, np.nan])), None)
