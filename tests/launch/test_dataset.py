import numpy as np
import pandas as pd
import pytest

from jaxdl.launch import DatasetConfig, UserError, read

TREES = pd.DataFrame(
    {
        "height": np.arange(40.0),
        "kind": ["oak", "fir"] * 20,
        "rings": [n * n for n in range(40)],
    }
)


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "trees.csv"
    TREES.to_csv(path, index=False)
    return str(path)


def test_a_file_and_its_column_are_read(csv):
    data, preparation = read(DatasetConfig(csv=csv, target="kind"))
    assert preparation.target.classes == ("fir", "oak")
    assert data["train"]["x"].shape == (28, 2)
    assert read(DatasetConfig(csv=csv, target="rings"))[1].target.classes is None
    assert read(DatasetConfig(csv=csv, target="rings", target_is="numbers"))[1].outputs == 1


def test_a_name_needs_no_target():
    data, preparation = read(DatasetConfig(dataset="diabetes"), "max")
    assert preparation.target.classes is None
    assert abs(data["train"]["x"]).max() == 1


WRONG = {
    "no target": ({"csv": "x.csv"}, "config.csv and config.target: a file, and which of its"),
    "no file": ({"target": "kind"}, "config.csv and config.target: a file, and which of its"),
    "of a name": ({"target_is": "classes"}, "config.target_is: of the target of a file"),
    "not there": (
        {"csv": "nowhere.csv", "target": "a"},
        "config.csv: nowhere.csv cannot be read: No such file",
    ),
}


@pytest.mark.parametrize(("values", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_line(values, message):
    with pytest.raises(UserError) as caught:
        read(DatasetConfig(**values))
    assert str(caught.value).startswith(message)


def test_a_column_that_is_not_there_is_guessed_at(csv):
    with pytest.raises(UserError, match=r"no column 'knd', only .*; did you mean kind"):
        read(DatasetConfig(csv=csv, target="knd"))
    with pytest.raises(UserError, match="scaled='max' is of arrays"):
        read(DatasetConfig(csv=csv, target="kind"), "max")
