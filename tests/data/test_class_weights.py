import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from jaxdl.data import DataError
from jaxdl.data.class_weights import balanced

LABELS = np.array([0, 0, 0, 0, 0, 1, 2, 2, 2])


def test_balanced_weights_are_those_of_scikit_learn():
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    np.testing.assert_allclose(balanced(LABELS, 3), theirs, rtol=1e-6)
    assert balanced(LABELS, 3)[LABELS].mean() == pytest.approx(1, rel=1e-6)


def test_a_class_without_examples_and_a_label_outside_are_one_line():
    with pytest.raises(DataError, match="class 3 of 4 has no example"):
        balanced(LABELS, 4)
    with pytest.raises(DataError, match=r"label 2 is outside 0\.\.1"):
        balanced(LABELS, 2)
    with pytest.raises(DataError, match=r"label -1 is outside 0\.\.2"):
        balanced(LABELS - 1, 3)
    for labels in (LABELS / 2, np.array(["cat", "dog"])):
        with pytest.raises(DataError, match=r"labels have dtype \S+, integers are needed"):
            balanced(labels, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_labels_of_every_integer_dtype_are_counted(dtype):
    np.testing.assert_array_equal(balanced(LABELS.astype(dtype), 3), balanced(LABELS, 3))
