import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from jaxdl.data import DataError, catalog, read, splits
from jaxdl.data.preparation import from_json, to_json
from jaxdl.data.scaling import SCALINGS

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({
    "patient": np.repeat(np.arange(40), 3),
    "age": RNG.normal(50, 10, 120),
    "place": RNG.choice(["Oslo", "Rome"], 120),
    "day": pd.date_range("2026-01-01", periods=120)[RNG.permutation(120)],
    "ill": RNG.choice(["no", "yes"], 120, p=[0.8, 0.2]),
})  # fmt: skip
PLAIN = FRAME[["age", "place", "ill"]]


def rows_of(data, part):
    """Inputs and targets of a part without its filling."""
    own = data[part]
    if part == "train":
        return own["x"], own["y"]
    there = own["mask"] > 0
    return own["x"][there], own["y"][there]


def test_a_frame_is_split_scaled_and_encoded_as_scikit_learn_does():
    data, preparation = read(PLAIN, "ill", seed=3)
    parts = splits.rows(120, seed=3)
    scaler = StandardScaler().fit(PLAIN[["age"]].iloc[parts["train"]])
    places = OrdinalEncoder().fit_transform(PLAIN[["place"]])[:, 0] + 2
    for part, rows in parts.items():
        x, y = rows_of(data, part)
        ages = scaler.transform(PLAIN[["age"]].iloc[rows])[:, 0]
        np.testing.assert_allclose(x[:, 0], ages, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(x[:, 1], places[rows])
        np.testing.assert_array_equal(y, PLAIN["ill"].iloc[rows] == "yes")
        np.testing.assert_array_equal(preparation.prepare(PLAIN.iloc[rows]), x)
    assert preparation.sizes == (4,)
    assert preparation.outputs == 2


def test_all_kinds_of_tables_are_the_same(tmp_path):
    PLAIN.to_csv(tmp_path / "ill.csv", index=False)
    table = pa.Table.from_pandas(PLAIN)
    expected = read(PLAIN, "ill")[0]
    for source in (tmp_path / "ill.csv", str(tmp_path / "ill.csv"), table):
        data, preparation = read(source, "ill")
        np.testing.assert_array_equal(data["train"]["x"], expected["train"]["x"])
    x = preparation.prepare(table.slice(0, 2))
    np.testing.assert_array_equal(x, preparation.prepare(PLAIN[:2]))


def test_rows_are_split_as_asked_and_what_splits_them_is_no_input():
    by_group, _ = read(FRAME.drop(columns="day"), "ill", groups="patient")
    by_time, one = read(FRAME.drop(columns="patient"), "ill", time="day")
    assert by_group["train"]["x"].shape[1] == by_time["train"]["x"].shape[1] == 2
    oldest = FRAME.sort_values("day")[:84]
    np.testing.assert_array_equal(by_time["train"]["x"], one.prepare(oldest))
    stratified, _ = read(PLAIN, "ill", stratify="ill", validation=0.25, test=0.25)
    shares = [rows_of(stratified, part)[1].mean() for part in splits.PARTS]
    np.testing.assert_allclose(shares, (PLAIN["ill"] == "yes").mean(), atol=0.02)


def test_numbers_and_dates_that_are_text_are_in_order_of_time():
    order = RNG.permutation(120)
    x = np.arange(120.0)
    expected = np.sort(order)[:84]
    days = pd.date_range("2025-12-30", periods=120)[order]
    for times in (order.astype(str), days.strftime("%Y-%m-%d"), days.date):
        frame = pd.DataFrame({"x": x, "day": times, "ill": PLAIN["ill"]})
        data, one = read(frame, "ill", time="day")
        train = data["train"]["x"][:, 0] * one.inputs.scale[0] + one.inputs.mean[0]
        np.testing.assert_array_equal(order[train.round().astype(int)], expected)


def test_several_targets_are_columns_of_numbers():
    frame = PLAIN.drop(columns="ill").assign(a=RNG.normal(7, 2, 120), b=RNG.normal(size=120))
    data, preparation = read(frame, ["a", "b"])
    y = data["train"]["y"]
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-5)
    rows = splits.rows(120)["train"]
    np.testing.assert_allclose(preparation.labels(y), frame[["a", "b"]].iloc[rows], rtol=1e-4)


def test_arrays_of_numbers_are_standardized_and_labels_numbered():
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    data, preparation = read({"x": x, "y": names, "flower": np.arange(150)}, groups="flower")
    rows = splits.rows(150, groups=np.arange(150).astype(str))["train"]
    expected = StandardScaler().fit_transform(x[rows])
    np.testing.assert_allclose(data["train"]["x"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(preparation.labels(np.eye(3)[data["train"]["y"]]), names[rows])
    stratified, _ = read({"x": x, "y": y}, stratify="y", validation=0.2, test=0.2)
    np.testing.assert_array_equal(np.bincount(rows_of(stratified, "test")[1]), [10, 10, 10])
    x, y = load_diabetes(return_X_y=True, scaled=False)
    data, preparation = read({"x": x, "y": y})
    assert data["train"]["y"].shape == (309, 1)
    np.testing.assert_allclose(
        preparation.labels(np.zeros((1, 1))), y[splits.rows(442)["train"]].mean()
    )


def test_images_are_divided_by_their_largest_value():
    images = RNG.integers(0, 256, (50, 4, 4, 1)).astype(np.uint8)
    data, preparation = read({"x": images, "y": RNG.permutation(50) % 3})
    expected = images[splits.rows(50)["train"]] / np.float64(255)
    np.testing.assert_allclose(data["train"]["x"], expected, rtol=1e-6)
    assert preparation.prepare(images[:2]).dtype == np.float32


def test_a_name_has_its_own_parts():
    data, preparation = read("digits")
    expected, _ = splits.for_run(catalog.load("digits"), SCALINGS["max"])
    for part in splits.PARTS:
        for name, array in expected[part].items():
            np.testing.assert_array_equal(data[part][name], array)
            assert data[part][name].dtype == array.dtype
    assert preparation.labels(np.eye(10)[7]) == 7
    assert read("diabetes")[1].target.classes is None


@pytest.mark.parametrize("kind", ["frame", "arrays", "numbers"])
def test_a_preparation_comes_back_from_text(kind):
    if kind == "frame":
        source, target, raw = PLAIN.assign(age=PLAIN["age"].mask(PLAIN["age"] < 40)), "ill", PLAIN
    elif kind == "numbers":
        source, target, raw = PLAIN, "age", PLAIN
    else:
        raw = RNG.normal(size=(30, 2, 3))
        source, target = {"x": raw, "y": RNG.permutation(30) % 2}, ""
    _, preparation = read(source, target)
    again = from_json(to_json(preparation))
    np.testing.assert_array_equal(again.prepare(raw), preparation.prepare(raw))
    outputs = RNG.normal(size=(5, preparation.outputs))
    np.testing.assert_array_equal(again.labels(outputs), preparation.labels(outputs))
    assert to_json(again) == to_json(preparation)


def test_what_training_did_not_see_is_told_and_what_is_constant():
    _, preparation = read(PLAIN, "ill")
    with pytest.warns(
        UserWarning, match=r"'place', row 1: 'Lima' was not seen in training \(1 of 2"
    ):
        preparation.prepare(pd.DataFrame({"place": ["Rome", "Lima"], "age": [1, 2]}))
    with pytest.warns(UserWarning, match="column 'one': the same on all training rows"):
        read(PLAIN.assign(one=1), "ill")
    with pytest.warns(UserWarning, match="'name': 84 categories on 84 training rows") as caught:
        read(PLAIN.assign(name=[f"n{n}" for n in range(120)]), "ill")
    assert caught[0].filename == __file__
    with pytest.warns(
        UserWarning, match="column '1', '2': the same on all training rows"
    ) as caught:
        read({"x": [[n, 1, 2] for n in range(30)], "y": np.arange(30) % 2})
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "ids",
    [
        np.arange(120),
        RNG.permutation(np.arange(7001, 7121)),
        np.delete(np.arange(140), np.arange(0, 140, 7)),
        pd.array(range(-60, 60), "Int64"),
    ],
    ids=["sorted", "in any order", "some gone", "nullable"],
)
def test_row_numbers_are_told(ids):
    words = f"column 'id': another whole number on each row, from {min(ids)} to {max(ids)}, as"
    with pytest.warns(UserWarning, match=words) as caught:
        read(PLAIN.assign(id=ids), "ill")
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "measured",
    [
        np.arange(120) / 7,
        np.linspace(0, 119, 120),
        RNG.choice(10_000, 120, replace=False),
        [*range(119), 0],
    ],
    ids=["floats", "floats that are whole", "far apart", "one twice"],
)
def test_measured_columns_are_no_row_numbers(measured):
    read(PLAIN.assign(height=measured), "ill")  # a warning is an error


X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
WRONG = {
    "no target": (lambda: read(PLAIN), "target: which column"),
    "no such column": (lambda: read(PLAIN, "il"), "no column 'il', only age, place, ill; did you"),
    "dates": (lambda: read(FRAME, "ill"), "column 'day' holds dates"),
    "infinite": (
        lambda: read(PLAIN.assign(age=np.inf), "ill"),
        "column 'age', row 0: inf is not finite (120 of 120 rows)",
    ),
    "one that is infinite": (
        lambda: read(PLAIN.assign(age=[*range(7), np.inf, *range(112)]), "ill"),
        "column 'age', row 7: inf is not finite (1 of 120 rows)",
    ),
    "one word among numbers": (
        lambda: read(PLAIN.assign(age=["x", *map(str, range(119))]), "ill"),
        "column 'age', row 0: 'x' is no number, as 119 of 120 values are",
    ),
    "a gap in the target": (
        lambda: read(PLAIN.assign(ill=[*PLAIN["ill"][:119], None]), "ill"),
        "target 'ill', row 119: there is no value (1 of 120 rows)",
    ),
    "a gap in y": (
        lambda: read({"x": X, "y": [*Y[:19], np.nan]}), "'y', row 19: there is no value (1 of 20"
    ),
    "a column that is no text": (lambda: read(PLAIN, 2), "the name of a column as text, not 2"),
    "a target twice": (lambda: read(PLAIN, ["age", "age"]), "target: 'age' is named twice"),
    "the target as groups": (lambda: read(PLAIN, "ill", groups="ill"), "groups='ill' is the targ"),
    "the target as time": (lambda: read(PLAIN, "age", time="age"), "time='age' is the target"),
    "no such kind": (lambda: read(PLAIN, "ill", target_is="class"), "'class' is neither"),
    "a seed below 0": (lambda: read(PLAIN, "ill", seed=-1), "seed is a whole number from 0 to"),
    "times in words": (
        lambda: read(PLAIN.assign(day=["2026-01-01"] * 119 + ["3/14/2026"]), "ill", time="day"),
        "row 119: the time '3/14/2026' is neither a number nor a date as 2026-11-30 (1 of 120",
    ),
    "times of several kinds": (
        lambda: read(PLAIN.assign(day=["a"] * 119 + [1]), "ill", time="day"), "of several kinds"
    ),
    "rows of no one shape": (lambda: read({"x": [[1], [1, 2]], "y": [0, 1]}), "unequal shape"),
    "a single number": (lambda: read({"x": 3.0, "y": 1}), "x is a single value"),
    "groups of two axes": (lambda: read({"x": X, "y": Y}, groups="x"), "[N]; x is (20, 2)"),
    "a number beyond all": (
        lambda: read(PLAIN.assign(age=10**400), "ill"), "'age': a whole number is beyond float64"
    ),
    "a row of the source": (
        lambda: read(PLAIN.assign(age=PLAIN["age"].mask(PLAIN.index == 7, np.inf)), "ill"),
        "column 'age', row 7: inf is not finite (1 of 120 rows)",
    ),
    "a target of the source": (
        lambda: read({"x": X, "y": np.where(np.arange(20) == 7, np.nan, X[:, 0])}),
        "target 'y', row 7: there is no value (1 of 20 rows)",
    ),
    "no kind": (lambda: read(PLAIN, "ill", target_is="class"), "target_is: 'class' is neither"),
    "no name": (lambda: read("digts"), "'digts' is no file, and none of digits"),
    "too few": (lambda: read(PLAIN[:3], "ill"), "3 rows are too few"),
    "a class without rows": (
        lambda: read(
            PLAIN.assign(day=range(120), ill=["no", "yes"] * 59 + ["no", "rare"]), "ill", time="day"
        ),
        "target 'ill': no training row is of the class 'rare' (1 of 120 rows are)",
    ),
    "gaps in groups": (
        lambda: read(FRAME.drop(columns="day").assign(patient=[None, *range(119)]), "ill",
                     groups="patient"),
        "column 'patient', row 0: there is no value (1 of 120 rows)",
    ),
    "no y": (lambda: read({"x": X}), "the arrays lack y"),
    "NaN": (
        lambda: read({"x": np.where(X == 5, np.nan, X), "y": Y}),
        "the arrays, row 2: x is not finite (column 1: 1 of 20)",
    ),
    "unequal": (lambda: read({"x": X, "y": Y[1:]}), "arrays of unequal length (x 20, y 19)"),
    "one class": (lambda: read({"x": X, "y": 0 * Y}), "target 'y' has a single class, '0'"),
    "unknown arrays": (lambda: read({"x": X, "y": Y, "z": Y}), "what are the arrays z?"),
    "no such scaling": (lambda: read({"x": X, "y": Y}, scaled="no"), "scaled: 'no' is none of"),
    "no source": (lambda: read(7, "y"), "a int is no source: a data frame is"),
    "no file": (lambda: read("nothing", "y"), "'nothing' is no file, and none of digits"),
    "no such file": (lambda: read("nothing.csv", "y"), "nothing.csv cannot be read"),
    **{
        f"{option} of a name": (
            lambda option=option, value=value: read("digits", **{option: value}),
            f"digits has its own target and parts: no {option} for it",
        )
        for option, value in {
            "target": np.array(["a", "b"]), "stratify": "y", "groups": "y", "time": "y",
            "validation": 0.15, "test": 0.2, "seed": 0, "categories": ["0"],
        }.items()
    },
    "categories of arrays": (
        lambda: read({"x": X, "y": Y}, categories=["0"]), "categories are columns of a table"
    ),
    "a folder of a frame": (
        lambda: read(PLAIN, "ill", data_dir="."), "data_dir: only data sets with a name lie in"
    ),
}  # fmt: skip
SOURCES = {"frame": (PLAIN, "ill"), "arrays": ({"x": X, "y": Y},), "name": ("diabetes",)}
NOT_TEXT = (None, 3, 0.5, True, ["age"], {}, np.array([1, 2]), PLAIN["age"], b"a", object())
NO_SHARE = ("x", "", [0.1], {}, np.array([0.1, 0.2]), PLAIN["age"], 1j, np.nan, np.inf, 0, -1)
OF_ANOTHER_KIND = {
    **dict.fromkeys(("target_is", "scaled", "stratify", "groups", "time"), NOT_TEXT),
    "target": (None, 3, np.array([1, 2]), PLAIN["age"], b"a", object(), [["age"]]),
    "categories": (None, 3, "age", np.array(5), [1], [["age"]], object(), PLAIN["age"]),
    **dict.fromkeys(("validation", "test"), NO_SHARE),
    "seed": ("x", 0.5, [1], np.array([1, 2]), PLAIN["age"], 2**32),
    "data_dir": (3, ["a"], object()),
}
LATER = {
    "a column": (lambda p: p.prepare(PLAIN[["age"]]), "the table lacks the column(s) 'place'"),
    "text": (
        lambda p: p.prepare(PLAIN.assign(age="old")),
        "column 'age', row 0: 'old' is no number (120 of 120 rows)",
    ),
    "no rows": (lambda p: p.prepare(PLAIN[:0]), "the table has no rows"),
    "beyond float32": (
        lambda p: p.prepare(PLAIN.assign(age=1e300)),
        "column 'age', row 0: 1e+300 is beyond float32 when it is scaled (120 of 120 rows)",
    ),
    "complex": (lambda p: p.prepare(PLAIN.assign(age=1j)), "'age' holds complex numbers"),
    "nan": (lambda p: p.labels([[0, 1], [0, np.nan]]), "outputs, row 1: nan, so no class"),
    "no frame": (lambda p: p.prepare(X), "a data frame is needed, with the columns of training"),
    "a width": (lambda p: p.labels(np.zeros((3, 5))), "outputs have shape (3, 5), not [..., 2]"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_data_is_one_line(call, message):
    with pytest.raises(DataError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", OF_ANOTHER_KIND)
@pytest.mark.parametrize("source", SOURCES)
def test_an_option_of_another_kind_is_one_line_that_names_it(source, option):
    for value in OF_ANOTHER_KIND[option]:
        first, *named = SOURCES[source]
        target = {"target": named[0]} if named and option != "target" else {}
        with pytest.raises(DataError) as caught:
            read(first, **target, **{option: value})
        assert option in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 120


@pytest.mark.parametrize(("call", "message"), LATER.values(), ids=LATER)
def test_what_is_wrong_with_rows_to_come_is_one_line(call, message):
    with pytest.raises(DataError) as caught:
        call(read(PLAIN, "ill")[1])
    assert message in str(caught.value)


def test_arrays_of_another_shape_are_refused():
    _, preparation = read({"x": X, "y": Y})
    with pytest.raises(DataError, match=r"x has shape \(4, 3\); rows of training are \(N, 2\)"):
        preparation.prepare(np.zeros((4, 3)))
    with pytest.raises(DataError, match=r"float32, row 1: scaled x is not finite"):
        preparation.prepare([[1, 2], [1e300, 3]])
    with pytest.raises(DataError, match=r"row 1: x is not finite \(column 0: 1 of 2\)"):
        preparation.prepare([[1, 2], [np.nan, 3]])
