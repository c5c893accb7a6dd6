"""Writes the verdict column of curriculum.md from the verdict.json files in verdicts/."""

import functools
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


@functools.cache
def _verdicts() -> dict[str, Counter[str]]:
    """How many claims of each row have which verdict, over all experiments."""
    found: dict[str, Counter[str]] = {}
    for path in sorted((FOLDER / "verdicts").glob("*.json")):
        for claim in json.loads(path.read_text())["claims"]:
            found.setdefault(claim["row"], Counter())[claim["verdict"]] += 1
    return found


def _row(line: str) -> str:
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    found = _verdicts().get(cells[0], Counter())
    verdicts = [f"{verdict} × {count}" for verdict, count in sorted(found.items())]
    named = re.findall(r"experiments/(\w+)\.py", cells[4])
    verdicts += [f"{name} not run yet" for name in named if not _kept(name).is_file()]
    return "| " + " | ".join([*cells[:5], ", ".join(verdicts) or "–"]) + " |\n"


def _kept(name: str) -> Path:
    return FOLDER / "verdicts" / f"{name}.json"


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text()))
