import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from jaxdl.data import DataError, cells, tables, targets

FRAME = pd.DataFrame({
    "age": [20, 30, 40, None],
    "city": ["Oslo", "Rome", None, "Oslo"],
    "paid": [True, False, True, True],
    "zone": [3, 1, 3, 2],
    "answer": ["yes", "no", "yes", "no"],
})  # fmt: skip
COLUMNS = tables.fit(FRAME, "answer", categories=["zone"])


def test_the_columns_are_told_apart():
    assert COLUMNS.numbers == ("age",)
    assert COLUMNS.categories == {
        "city": ("Oslo", "Rome"), "paid": ("False", "True"), "zone": ("1", "2", "3")
    }  # fmt: skip
    assert COLUMNS.target.classes == ("no", "yes")
    assert COLUMNS.gaps == ("age",)
    assert COLUMNS.sizes == (4, 4, 5)


def test_numbers_and_ids_are_those_of_scikit_learn():
    found = tables.encode(COLUMNS, FRAME)
    ages = StandardScaler().fit_transform(FRAME[["age"]])[:, 0]
    np.testing.assert_allclose(found["x"][:, 0], np.nan_to_num(ages), rtol=1e-6)
    np.testing.assert_array_equal(found["x"][:, 1], [0, 0, 0, 1])
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    )
    text = FRAME[["city", "paid", "zone"]].astype({"paid": str, "zone": str})
    np.testing.assert_array_equal(found["x"][:, 2:], encoder.fit_transform(text) + cells.FIRST)
    answers = targets.labels(COLUMNS.target, np.eye(2)[found["y"]])
    np.testing.assert_array_equal(answers, FRAME["answer"])


def test_what_was_not_seen_has_a_place_of_its_own():
    other = pd.DataFrame(
        {"age": [25.0], "city": ["Lima"], "paid": [None], "zone": [2.0], "more": ["-"]}
    )
    found = tables.encode(COLUMNS, other)
    assert set(found) == {"x"}
    np.testing.assert_array_equal(found["x"][0, 2:], [cells.UNSEEN, cells.GAP, 3])


def test_statistics_are_those_of_the_fitted_frame_alone():
    shifted = FRAME.assign(age=FRAME["age"] + 100)
    x = tables.encode(COLUMNS, shifted)["x"][:3, 0]
    expected = (np.array([120, 130, 140]) - 30) / np.std([20, 30, 40])
    np.testing.assert_allclose(x, expected, rtol=1e-6)


def test_only_columns_with_gaps_have_a_place_for_them():
    frame = pd.DataFrame({"a": [1.0, 2, 3], "b": [1, None, 3], "c": ["x", "y", "x"]})
    columns = tables.fit(frame)
    assert tables.encode(columns, frame)["x"].shape == (3, 4)
    new = pd.DataFrame({"a": [None, 2], "b": [1, None], "c": ["x", "z"]})
    np.testing.assert_array_equal(tables.encode(columns, new)["x"][:, :3], [[0, -1, 0], [0, 0, 1]])
    assert tables.strange(columns, new) == [
        "column 'c', row 1: 'z' was not seen in training (1 of 2 rows)",
        "column 'a', row 0: nan is a gap, in training there was none: the mean stands for it "
        "(1 of 2 rows)",
    ]
    assert not tables.strange(columns, frame)


def test_large_whole_numbers_stay_different_categories_though_a_gap_makes_floats_of_them():
    frame = pd.DataFrame({"zip": [1234567, 1234568, None]})
    columns = tables.fit(frame, categories=["zip"])
    assert columns.categories == {"zip": ("1234567", "1234568")}
    whole = pd.DataFrame({"zip": [1234568]})
    np.testing.assert_array_equal(tables.encode(columns, whole)["x"], [[3]])


def test_names_of_columns_may_be_numbers():
    frame = pd.DataFrame(np.arange(6.0).reshape(3, 2))
    columns = tables.fit(frame, "1", target_is="numbers")
    assert columns.numbers == ("0",)
    assert tables.encode(columns, frame)["y"].shape == (3, 1)


def test_constant_columns_are_named():
    frame = pd.DataFrame({"a": [0.1, 0.1, 0.1], "b": [1, 2, 3], "c": ["x", "x", "x"]})
    columns = tables.fit(frame)
    assert tables.constant(columns, tables.encode(columns, frame)["x"]) == ["a", "c"]


def test_a_column_of_one_value_is_scaled_by_one():
    columns = tables.fit(pd.DataFrame({"a": [7, 7]}))
    np.testing.assert_array_equal(
        tables.encode(columns, pd.DataFrame({"a": [7, 9]}))["x"][:, 0], [0, 2]
    )


WRONG = {
    "no such target": (lambda: tables.fit(FRAME, "x"), "no column 'x', only age, city"),
    "no such category": (lambda: tables.fit(FRAME, categories=["x"]), "no column 'x'"),
    "gap in the target": (
        lambda: tables.fit(FRAME.assign(answer=["yes", None, "no", "no"]), "answer"),
        "target 'answer', row 1: there is no value",
    ),
    "one class": (
        lambda: tables.fit(FRAME.assign(answer="no"), "answer"),
        "target 'answer' has a single class, 'no'",
    ),
    "infinite": (
        lambda: tables.fit(FRAME.assign(age=[1, np.inf, 2, 3])),
        r"column 'age', row 1: inf is not finite \(1 of 4 rows\)",
    ),
    "empty": (lambda: tables.fit(FRAME.assign(age=np.nan)), "column 'age' has no value"),
    "missing": (
        lambda: tables.encode(COLUMNS, FRAME.drop(columns="city")), r"lacks the column\(s\) 'city'"
    ),
    "text": (
        lambda: tables.encode(COLUMNS, FRAME.assign(age=["1", "old", "2", "3"])),
        r"column 'age', row 1: 'old' is no number \(1 of 4 rows\)",
    ),
    "dates": (
        lambda: tables.fit(FRAME.assign(age=pd.date_range("2020", periods=4))),
        "column 'age' holds dates",
    ),
    "lists": (
        lambda: tables.fit(FRAME.assign(city=["a", None, ["b"], "c"])),
        "column 'city', row 2: a list, where a number or a text is needed",
    ),
    "text among numbers": (
        lambda: tables.fit(FRAME.assign(age=["1", None, "2", "3 years"])),
        r"column 'age', row 3: '3 years' is no number, as 2 of 3 values are \(1 are not\)",
    ),
    "complex": (lambda: tables.fit(FRAME.assign(age=1j)), "column 'age' holds complex numbers"),
    "twice": (
        lambda: tables.fit(pd.concat([FRAME, FRAME[["age"]]], axis=1)), "two columns 'age'"
    ),
    "nothing but the target": (
        lambda: tables.fit(FRAME[["answer"]], "answer"), "no column but the target 'answer'"
    ),
    "another class": (
        lambda: tables.encode(COLUMNS, FRAME.assign(answer=["yes", "no", "maybe", "no"])),
        "target 'answer', row 2: 'maybe' is none of no, yes",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(DataError, match=message):
        call()
