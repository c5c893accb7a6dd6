"""The table of faults: each has its line, and each test in it is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (\d+) \|.*\|(.*)\|$", (ROOT / "docs/faults.md").read_text(), re.MULTILINE)


def test_each_case_of_the_catalogue_has_a_line():
    assert [int(number) for number, _ in ROWS] == [*range(1, 44)]


@pytest.mark.parametrize(("number", "cell"), ROWS, ids=[f"case {number}" for number, _ in ROWS])
def test_every_test_is_there(number, cell):
    named = re.findall(r"`(\S+)::(\w+)`", cell)
    assert named
    for path, function in named:
        assert f"def {function}(" in (ROOT / path).read_text(), f"{path}::{function}"


def test_no_file_of_numpy_is_read_with_its_objects():
    for path in sorted((ROOT / "jaxdl").rglob("*.py")):
        for call in re.findall(r"np\.load\([^)]*\)", path.read_text()):
            assert "allow_pickle=False" in call, path
