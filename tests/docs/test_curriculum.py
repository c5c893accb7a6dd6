"""The index of systems: every path in it exists, every verdict is that of a kept run."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/curriculum.md"
ROWS = [line for line in PAGE.read_text().splitlines() if re.match(r"\| [A-Z]\d", line)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_path_exists(row):
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 6
    paths = [path for cell in cells[2:5] if cell != "–" for path in cell.split(", ")]
    assert len(paths) >= 2
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_each_id_has_one_row():
    ids = [row.split("|")[1].strip() for row in ROWS]
    assert len(ids) == len(set(ids))


def test_the_verdicts_are_those_of_the_kept_runs():
    fill = runpy.run_path(str(ROOT / "docs/fill_verdicts.py"))["fill"]
    text = PAGE.read_text()
    assert fill(text) == text, "renew the column: python docs/fill_verdicts.py"


def test_every_experiment_is_named_and_those_without_a_kept_verdict_are_told():
    text = PAGE.read_text()
    named = set(re.findall(r"(?<!tests/)experiments/(\w+)\.py", text))
    kept = {path.stem for path in (ROOT / "docs/verdicts").glob("*.json")}
    there = {path.stem for path in (ROOT / "experiments").glob("[!_]*.py")}
    assert named == there
    assert set(re.findall(r"(\w+) not run yet", text)) == there - kept
    assert kept <= there
