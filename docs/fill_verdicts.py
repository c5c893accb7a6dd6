"""Writes the verdict column of curriculum.md from the verdict.json files in verdicts/."""

import json
import re
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER / "curriculum.md"


def fill(text: str) -> str:
    """The page with its last column made from the experiments that each row names."""
    return "".join(_row(line) if re.match(r"\| [A-Z]\d", line) else line for line in _lines(text))


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _row(line: str) -> str:
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    row, experiments = cells[0], re.findall(r"experiments/(\w+)\.py", cells[4])
    found: Counter[str] = Counter()
    for name in experiments:
        path = FOLDER / "verdicts" / f"{name}.json"
        if path.exists():
            claims = json.loads(path.read_text())["claims"]
            found.update(claim["verdict"] for claim in claims if claim["row"] == row)
    verdicts = ", ".join(f"{verdict} × {count}" for verdict, count in sorted(found.items()))
    return "| " + " | ".join([*cells[:5], verdicts or "–"]) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text()))
