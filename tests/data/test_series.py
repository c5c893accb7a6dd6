"""Windows by hand; nothing of a later part reaches an earlier one; files as users have them."""

import numpy as np
import pytest

from jaxdl.data import DataError, series

T, LENGTH, HORIZON = 40, 3, 2
RAMP = np.arange(T, dtype=np.float64)


def test_windows_by_hand():
    found = series.windows(np.arange(6.0), LENGTH, HORIZON)
    assert found["x"][..., 0].tolist() == [[0, 1, 2], [1, 2, 3]]
    assert found["y"][..., 0].tolist() == [[3, 4], [4, 5]]
    assert found["step"].tolist() == [3, 4]
    later = series.windows(np.arange(6.0), LENGTH, HORIZON, start=4)
    assert later["x"][..., 0].tolist() == [[1, 2, 3]]
    assert series.windows(np.arange(6.0), LENGTH, HORIZON, start=5)["x"].shape == (0, LENGTH, 1)


def test_every_target_lies_in_its_part_and_each_is_there():
    parts = series.prepare([RAMP], LENGTH, HORIZON, validation=0.2, test=0.1).parts
    for part, (start, stop) in {"train": (3, 28), "validation": (28, 36), "test": (36, 40)}.items():
        step = parts[part]["step"]
        np.testing.assert_array_equal(step, np.arange(start, stop - HORIZON + 1))


@pytest.mark.parametrize(("changed", "kept"), [(28, "train"), (36, "validation")])
def test_what_comes_later_changes_nothing_before(changed, kept):
    rng = np.random.default_rng(0)
    values = rng.normal(size=T)
    other = values.copy()
    other[changed:] = 1e6 * rng.normal(size=T - changed)
    one, two = (
        series.prepare([each], LENGTH, HORIZON, validation=0.2, test=0.1)
        for each in (values, other)
    )
    np.testing.assert_array_equal(one.scalings[0], two.scalings[0])
    for name in ("x", "y"):
        np.testing.assert_array_equal(one.parts[kept][name], two.parts[kept][name])
    np.testing.assert_allclose(one.scalings[0].mean, values[:28].mean())
    np.testing.assert_allclose(one.scalings[0].scale, values[:28].std())


def test_several_series_have_scalings_of_their_own():
    parts, scalings = series.prepare([RAMP, 100 * RAMP[:30] + 7], LENGTH, HORIZON)
    train = parts["train"]
    assert np.bincount(train["series"]).tolist() == [28 - 4, 22 - 4]
    for number, scaled_by in enumerate(scalings):
        mine = train["series"] == number
        back = train["y"][mine][0, 0] * scaled_by.scale + scaled_by.mean
        np.testing.assert_allclose(back, [[3.0], [307.0]][number], rtol=1e-6)
    with pytest.raises(DataError, match=r"is too short: 4 are for validation, 5 are needed"):
        series.prepare([RAMP, RAMP[:30]], LENGTH, 5)


def test_a_gap_leaves_out_windows_and_only_inputs_are_stood_for():
    values = np.arange(12.0)
    values[[4, 8, 9]] = np.nan
    assert series.windows(values, 2, 1)["step"].tolist() == [2, 3, 7]
    found = series.windows(values, 2, 1, longest_gap=1)
    assert found["step"].tolist() == [2, 3, 5, 6, 7]
    assert found["x"][2:4, :, 0].tolist() == [[3, 3], [3, 5]]
    found = series.windows(values, 2, 1, longest_gap=2)
    assert found["step"].tolist() == [2, 3, 5, 6, 7, 10, 11]
    assert found["x"][-2:, :, 0].tolist() == [[7, 7], [7, 10]]


def test_columns_are_scaled_by_what_is_there():
    table = np.column_stack([RAMP, 5 - 2 * RAMP])
    table[3, 1] = np.nan
    fitted = series.fit(table)
    np.testing.assert_allclose(fitted.mean, np.nanmean(table, axis=0))
    np.testing.assert_allclose(fitted.scale, np.nanstd(table, axis=0))
    empty = np.full((T, 1), np.nan)
    with pytest.raises(DataError, match="no value in the training part"):
        series.fit(empty)
    with pytest.raises(DataError, match="not finite"):
        series.fit(np.array([1.0, np.inf]))
    with pytest.raises(DataError, match=r"\[T\] or \[T, D\], not \[2, 2, 2\]"):
        series.fit(np.zeros((2, 2, 2)))
    holes = np.where(np.arange(T) % 3, RAMP, np.nan)
    with pytest.raises(DataError, match="train: missing values leave no window"):
        series.prepare([holes], LENGTH, HORIZON)


def test_a_column_of_a_file(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("day,sold, note\n1,2.5,a\n2,,b\n3,NA,\n4,1e3,c\n5,,\n\n\n")
    np.testing.assert_array_equal(
        series.read_column(path, "sold"), [2.5, np.nan, np.nan, 1000, np.nan]
    )
    path.write_text("day,sold,\n1,2,\n2,3,\n")
    np.testing.assert_array_equal(series.read_column(path, "sold"), [2, 3])
    path.write_text("day,sold\n1,2,\n2,3,\n")
    np.testing.assert_array_equal(series.read_column(path, "sold"), [2, 3])
    # In a file of one column an empty line is a missing value.
    path.write_text("sold\n1\n\n3\n")
    np.testing.assert_array_equal(series.read_column(path, "sold"), [1, np.nan, 3])


@pytest.mark.parametrize(
    ("text", "column", "match"),
    [
        ("day,sold\n1,2\n", "sald", r"no column 'sald', only day, sold; did you mean sold\?"),
        ("day,sold\n1,2\n2,many\n", "sold", "line 3: column 'sold' holds 'many'; numbers are"),
        ("day,sold\n1,inf\n", "sold", "line 2: column 'sold' holds 'inf'"),
        ("day,sold\n1,\n", "sold", "column 'sold' holds no number"),
        ("", "sold", "is no table of comma-separated values"),
        ("a,b\n1,2\n1,2,3,4\n", "a", "is no table of comma-separated values"),
        ("day,sold\n1,2,9\n2,3,9\n", "sold", "rows have more cells than the header has names"),
        ("sold,sold\n1,2\n", "sold", "has two columns 'sold'"),
        ("NA,NA\n1,2\n", "NA", "has two columns 'NA'"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_one_line(tmp_path, text, column, match):
    path = tmp_path / "sales.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=match) as caught:
        series.read_column(path, column)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        series.read_column(tmp_path / "none.csv", "sold")
    with pytest.raises(DataError, match="cannot be read"):
        series.read_column(tmp_path, "sold")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x01\x80")
    with pytest.raises(DataError, match="is no table"):
        series.read_column(tmp_path / "bytes.csv", "sold")


@pytest.mark.parametrize(
    ("given", "options", "match"),
    [
        ([], {}, "there is no series"),
        ([RAMP, np.stack([RAMP, RAMP], axis=1)], {}, "series 1 has 2 columns, series 0 1"),
        ([RAMP], {"length": 0}, "windows of 0 inputs"),
        ([RAMP], {"horizon": 0}, "and 0 targets"),
        ([RAMP], {"longest_gap": -1}, "gaps of -1"),
        ([RAMP], {"test": float("nan")}, "test: nan is no share"),
        ([RAMP], {"validation": -0.1}, "validation: -0.1 is no share"),
    ],
)
def test_what_makes_no_windows_is_told(given, options, match):
    with pytest.raises(DataError, match=match):
        series.prepare(given, **{"length": LENGTH, "horizon": HORIZON, **options})
