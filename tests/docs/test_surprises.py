"""The list of surprises: every test and script that it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/surprises.md").read_text()


def test_every_test_that_is_named_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    rows = re.findall(r"^\| (?!Hole|---).*\|$", PAGE, re.MULTILINE)
    assert len(rows) >= 25
    assert all("tests/" in row for row in rows)
    gone = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text()
    ]
    assert gone == []


def test_every_script_that_is_named_is_there():
    named = set(re.findall(r"`(findings/\w+\.sh)`", PAGE)) - {"findings/NAME.sh"}
    assert named == {f"findings/{path.name}" for path in (ROOT / "findings").glob("*.sh")}
