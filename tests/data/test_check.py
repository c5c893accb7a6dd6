import re

import numpy as np
import pytest
from ml_dtypes import bfloat16

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
    "NaN": (
        _arrays(x=_set(GOOD["x"], (3, 1), np.nan)),
        "row 3: x is not finite (column 1: 1 of 6)",
    ),
    "NaN in two columns": (
        _arrays(x=_set(_set(GOOD["x"], (slice(2, 6), 1), np.nan), (5, 0), np.inf)),
        "row 2: x is not finite (column 0: 1 of 6, column 1: 4 of 6)",
    ),
    "NaN in many columns": (
        _arrays(x=np.where(np.arange(9) % 2, np.nan, np.zeros((6, 9)))),
        "row 0: x is not finite (column 1: 6 of 6, column 3: 6 of 6, column 5: 6 of 6, and 1 "
        "columns more)",
    ),
    "NaN in images": (
        _arrays(x=_set(np.zeros((6, 2, 2, 1)), (4, 0), np.nan)),
        "row 4: x is not finite (2 of 24 values)",
    ),
    "NaN in bfloat16": (
        _arrays(x=_set(np.zeros((6, 1), bfloat16), 2, np.nan)),
        "row 2: x is not finite",
    ),
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
    "mask of zeros": (_arrays(mask=np.zeros(6)), "mask is 0 on every row, so nothing counts"),
    "labels that are words": (
        _arrays(y=np.array(["setosa"] * 6)),
        "y has dtype <U6 ('setosa'), integer labels are needed: number the classes, as "
        "np.searchsorted(np.unique(train_y), y) does",
    ),
    "labels that are objects": (
        _arrays(y=np.array(["a", None, 1, 2, 3, 4], object)),
        "y has dtype object ('a'), integer labels are needed: number the classes",
    ),
    "labels that are truths": (_arrays(y=np.ones(6, bool)), "y has dtype bool, integer"),
    "int64 beyond int32": (
        _arrays(x=_set(np.zeros((6, 2), int), (4, 1), -(2**31) - 1)),
        "row 4: x is -2147483649, outside int32 of the device: scale it on the host",
    ),
    "uint64 beyond uint32": (
        _arrays(x=_set(np.zeros(6, np.uint64), 1, 2**32)),
        "row 1: x is 4294967296, outside uint32 of the device: scale it",
    ),
    "label that int32 would make 0": (
        _arrays(y=_set(GOOD["y"], 3, 2**32)),
        "row 3: label 4294967296",
    ),
    "float64 beyond float32": (
        _arrays(x=_set(np.zeros((6, 2)), (2, 0), -4e38)),
        "row 2: x is -4e+38, outside float32 of the device: scale it",
    ),
    "float64 that float32 makes constant": (
        _arrays(x=np.stack([np.arange(6), 1e9 + np.arange(6)], axis=1)),
        "x, column 1 goes from 1000000000.0 to 1000000005.0, one number in float32: scale it",
    ),
}


@pytest.mark.parametrize(("arrays", "message"), CASES.values(), ids=CASES)
def test_malformed_arrays_are_refused_by_name_split_and_row(arrays, message):
    with pytest.raises(DataError, match=r"^toy, split train[:,] " + re.escape(message)) as caught:
        check_arrays("toy", "train", arrays, 6)
    assert "\n" not in str(caught.value)


def test_scalars_are_no_arrays():
    with pytest.raises(DataError, match="no examples"):
        check_arrays("toy", "train", {"x": np.float32(1), "y": np.int32(1)}, 6)


WIDEST = {np.int32: [-(2**31), 2**31 - 1], np.uint32: [0, 2**32 - 1], np.float64: [-3.4e38, 3.4e38]}


@pytest.mark.parametrize("dtype", WIDEST)
def test_the_widest_numbers_of_the_device_pass(dtype):
    x = np.array(3 * WIDEST[dtype], dtype)
    check_arrays("toy", "train", _arrays(x=x.astype(f"{x.dtype.kind}8")), 6)


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int64, bool, np.float16, bfloat16, np.float32, np.float64]
)
def test_good_arrays_pass(dtype):
    check_arrays("toy", "train", _arrays(x=np.ones((6, 2), dtype)), 6)


def test_regression_targets_are_finite_floats():
    check_arrays("toy", "train", _arrays(y=np.linspace(-1, 1, 6)), None)
    with pytest.raises(DataError, match="toy, split test, row 5: y is not finite"):
        check_arrays("toy", "test", _arrays(y=np.array([0, 0, 0, 0, 0, np.nan])), None)
    with pytest.raises(DataError, match=r"y goes from 10{9}\.0 to 10{8}5\.0, one number"):
        check_arrays("toy", "test", _arrays(y=1e9 + np.arange(6)), None)
    with pytest.raises(DataError, match="y has dtype <U1, real numbers are needed"):
        check_arrays("toy", "test", _arrays(y=np.array(list("abcdef"))), None)
