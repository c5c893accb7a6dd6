import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from jaxdl.data import DataError, tables

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
    assert COLUMNS.classes == ("no", "yes")
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
    np.testing.assert_array_equal(found["x"][:, 2:], encoder.fit_transform(text) + tables.FIRST)
    np.testing.assert_array_equal(tables.labels(COLUMNS, found["y"]), FRAME["answer"])


def test_what_was_not_seen_has_a_place_of_its_own():
    other = pd.DataFrame(
        {"age": [25.0], "city": ["Lima"], "paid": [None], "zone": [2.0], "more": ["-"]}
    )
    found = tables.encode(COLUMNS, other)
    assert set(found) == {"x"}
    np.testing.assert_array_equal(found["x"][0, 2:], [tables.UNSEEN, tables.GAP, 3])


def test_statistics_are_those_of_the_fitted_frame_alone():
    shifted = FRAME.assign(age=FRAME["age"] + 100)
    x = tables.encode(COLUMNS, shifted)["x"][:3, 0]
    expected = (np.array([120, 130, 140]) - 30) / np.std([20, 30, 40])
    np.testing.assert_allclose(x, expected, rtol=1e-6)


def test_a_number_as_the_target_stays_one():
    columns = tables.fit(FRAME.dropna(), "age")
    assert columns.classes is None
    np.testing.assert_array_equal(tables.encode(columns, FRAME.dropna())["y"], [20, 30])
    with pytest.raises(DataError, match="the target has no classes"):
        tables.labels(columns, np.zeros(1, int))


def test_it_comes_back_from_text():
    assert tables.from_json(tables.to_json(COLUMNS)) == COLUMNS
    numeric = tables.fit(FRAME.dropna(), "age")
    assert tables.from_json(tables.to_json(numeric)) == numeric


def test_a_column_of_one_value_is_scaled_by_one():
    columns = tables.fit(pd.DataFrame({"a": [7, 7]}))
    np.testing.assert_array_equal(
        tables.encode(columns, pd.DataFrame({"a": [7, 9]}))["x"][:, 0], [0, 2]
    )


WRONG = {
    "no such target": (lambda: tables.fit(FRAME, "x"), "no column 'x'; it has age, city"),
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
        "column 'age', row 1: inf is not finite",
    ),
    "empty": (lambda: tables.fit(FRAME.assign(age=np.nan)), "column 'age' has no value"),
    "missing": (
        lambda: tables.encode(COLUMNS, FRAME.drop(columns="city")), r"lacks the column\(s\) 'city'"
    ),
    "text": (
        lambda: tables.encode(COLUMNS, FRAME.assign(age=["1", "old", "2", "3"])),
        "column 'age', row 1: 'old' is no number",
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
