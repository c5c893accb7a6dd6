import numpy as np
import pytest

from jaxdl.data import DataError, scaling
from jaxdl.data.catalog import Dataset
from jaxdl.data.splits import PARTS, for_run, in_batches, rows

RNG = np.random.default_rng(0)


def table(**changes):
    """A dataset of four columns and three classes; `x` and `y` of a split may be given."""
    parts = {}
    for split, count in (("train", 30), ("validation", 7), ("test", 9)):
        parts[split] = {"x": RNG.normal(5, 2, (count, 4)), "y": np.arange(count) % 3}
        parts[split].update(changes.get(split, {}))
    return Dataset(**parts, num_classes=3, name="toy")


def test_all_splits_are_scaled_by_the_training_split_and_the_others_padded():
    data = table()
    splits, fitted = for_run(data, scaling.fit_per_column, evaluation_batch=4)
    mean, deviation = data.train["x"].mean(0), data.train["x"].std(0)
    np.testing.assert_allclose(fitted.mean, mean)
    np.testing.assert_allclose(
        splits["train"]["x"], (data.train["x"] - mean) / deviation, rtol=1e-5
    )
    test = splits["test"]["x"].reshape(-1, 4)[:9]
    np.testing.assert_allclose(test, (data.test["x"] - mean) / deviation, rtol=1e-5)
    assert splits["validation"]["x"].shape == (2, 4, 4)
    np.testing.assert_array_equal(splits["validation"]["mask"].ravel(), [1] * 7 + [0])


def test_timestamps_that_do_not_fit_the_device_are_scaled_before_they_are_checked():
    x = 1_700_000_000_000 + np.arange(30)[:, None]
    part = {"x": x, "y": np.arange(30) % 3}
    splits, _ = for_run(table(train=part, validation=part, test=part), scaling.fit_per_column)
    np.testing.assert_allclose(np.diff(splits["train"]["x"][:, 0]), 1 / np.std(np.arange(30)), 1e-5)


def _with_nan(count):
    x = RNG.normal(size=(count, 4))
    x[3, 2] = x[5, 2] = np.nan
    return {"x": x}


BAD = {
    "NaN in training": (
        {"train": _with_nan(30)},
        "toy, split train, row 3: x is not finite (column 2: 2 of 30)",
    ),
    "NaN in test": (
        {"test": _with_nan(9)},
        "toy, split test, row 3: x is not finite (column 2: 2 of 9)",
    ),
    "another width": (
        {"validation": {"x": np.zeros((7, 5))}},
        "toy, split validation: examples have shape (5,), those of train (4,)",
    ),
    "a label past the end": (
        {"test": {"y": np.arange(9)}},
        "toy, split test, row 3: label 3 is outside 0..2",
    ),
    "unequal lengths": (
        {"test": {"y": np.zeros(8, int)}},
        "toy, split test: arrays of unequal length (x 9, y 8)",
    ),
    "none at all": ({"train": {"x": np.zeros((0, 4))}}, "toy, split train: x has no values"),
    "infinite in float32": (
        {"test": {"x": np.full((9, 4), 1e300)}},
        "toy, split test, row 0: x is not finite",
    ),
}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_bad_splits_are_refused_in_one_line(changes, message):
    with pytest.raises(DataError) as caught:
        for_run(table(**changes), scaling.fit_per_column)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_parts_are_padded_but_the_one_to_train_on():
    parts = {name: {"x": np.arange(n)} for name, n in (("train", 5), ("test", 5), ("few", 2))}
    found = in_batches(parts, 4)
    assert found["train"] is parts["train"]
    np.testing.assert_array_equal(found["test"]["mask"], [[1, 1, 1, 1], [1, 0, 0, 0]])
    np.testing.assert_array_equal(found["few"]["x"], [[0, 1]])


BY = {
    "drawn": {},
    "strata": {"strata": np.arange(200) % 4},
    "groups": {"groups": np.arange(200) // 5},
    "times": {"times": RNG.permutation(200)},
}


@pytest.mark.parametrize("by", BY.values(), ids=BY)
def test_each_row_is_in_one_part_and_the_same_for_a_seed(by):
    found = rows(200, validation=0.2, test=0.1, seed=3, **by)
    assert tuple(found) == PARTS
    np.testing.assert_array_equal(np.sort(np.concatenate(list(found.values()))), np.arange(200))
    assert [len(found[part]) for part in PARTS] == [140, 40, 20]
    again = rows(200, validation=0.2, test=0.1, seed=3, **by)
    other = rows(200, validation=0.2, test=0.1, seed=4, **by)
    for part in PARTS:
        np.testing.assert_array_equal(found[part], again[part])
    moved = any(not np.array_equal(found[part], other[part]) for part in PARTS)
    assert moved == ("times" not in by)


def test_strata_have_equal_shares_groups_one_part_and_times_an_order():
    strata = np.repeat(["a", "b"], [150, 50])
    for own in rows(200, validation=0.2, test=0.2, strata=strata).values():
        assert (strata[own] == "b").mean() == 0.25
    groups = RNG.integers(20, size=200)
    parts = [set(groups[own]) for own in rows(200, groups=groups).values()]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    times = RNG.integers(50, size=200)
    train, validation, test = (times[own] for own in rows(200, times=times).values())
    assert train.max() <= validation.min()
    assert validation.max() <= test.min()


UNSPLIT = {
    "too few": (
        (3,), {},
        "3 rows are too few: 2 would be for training, 0 for validation, 1 for test",
    ),
    "too few groups": ((9,), {"groups": np.arange(9) // 5}, "2 groups are too few"),
    "a small stratum": (
        (40,), {"strata": np.repeat(["a", "b"], [38, 2])},
        "12 rows are too few to give 2 strata to each part in equal shares; b has 1",
    ),
    "no time": ((3,), {"times": [1, None, 2], "validation": 0.3, "test": 0.3}, "row 1 has no time"),
    "shares": ((9,), {"test": 0.9}, "0.15 and 0.9 for validation and test are no shares"),
    "two ways": (
        (9,), {"strata": np.zeros(9), "times": np.zeros(9)}, "rows are split by strata or by times",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "options", "message"), UNSPLIT.values(), ids=UNSPLIT)
def test_rows_that_cannot_be_split_are_one_line(arguments, options, message):
    with pytest.raises(DataError) as caught:
        rows(*arguments, **options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
