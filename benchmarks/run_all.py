"""Runs every benchmark of this folder and writes RESULTS.md from all results that are kept."""

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import benchmarks

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
HEAD = """# Results

Written by `make bench` from the files in `results/`; not to be edited. A ratio says how many times
faster (or smaller) jaxdl is than what it is compared with, in one run; higher is better.
"""


def names() -> Iterator[str]:
    """The benchmarks: the modules of this folder that have a `measure`."""
    for module in pkgutil.iter_modules(benchmarks.__path__):
        imported = importlib.import_module(f"benchmarks.{module.name}")
        if hasattr(imported, "measure"):
            yield module.name


def main() -> None:
    """Measures on this machine, then renders what all machines have shown."""
    if "--render" not in sys.argv:
        import jax

        backend = jax.default_backend()
        for name in names():
            target = RESULTS / f"{name}.{backend}.json"
            print(f"== {name}", flush=True)
            command = [sys.executable, "-m", f"benchmarks.{name}", f"--json={target}"]
            subprocess.run(command, check=True)
    render()


def render() -> None:
    """Writes RESULTS.md: tables of the rows that are kept, and sections kept as they are."""
    sections = (
        _table(path) if path.suffix == ".json" else f"\n{path.read_text()}" for path in kept()
    )
    (FOLDER / "RESULTS.md").write_text(HEAD + "".join(sections))


def kept() -> list[Path]:
    """Results of this and other machines, in order of their names."""
    return sorted([*RESULTS.glob("*.json"), *RESULTS.glob("*.md")])


def _table(path: Path) -> str:
    rows = json.loads(path.read_text())
    name = path.name.split(".")[0]
    first = rows[0]
    lines = [
        f"\n## {name}: {first['device']}\n",
        f"{first['versions']}. Measured {first['date']} by `python -m benchmarks.{name}`.\n",
        "| case | ours | reference | against | ratio | target | met | how |",
        "| --- | ---: | ---: | --- | ---: | ---: | --- | --- |",
    ]
    return "\n".join([*lines, *map(_line, rows)]) + "\n"


def _line(row: dict[str, Any]) -> str:
    target = "" if row["target"] is None else f"{row['target']:.3g}"
    met = {True: "yes", False: "**no**", None: ""}[row["met"]]
    ours, reference = (f"{row[key]:.4g} {row['unit']}" for key in ("ours", "reference"))
    cells = (row["case"], ours, reference, row["against"], f"{row['ratio']:.2f}", target, met)
    return "| " + " | ".join((*cells, row.get("note", ""))) + " |"


if __name__ == "__main__":
    main()
