"""The experiments that can be launched here: those of a checkout, by name."""

import os
from pathlib import Path

PACKAGES = "experiments", "benchmarks"
"""Whose modules are launched."""


def known() -> dict[str, tuple[str, Path]]:
    """By name: the module, and the folder that it is imported from; those of the current folder go
    before those beside jaxdl."""
    found: dict[str, tuple[str, Path]] = {}
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        for package in PACKAGES:
            for path in sorted((folder / package).glob("[!_]*.py")):
                found.setdefault(path.stem, (f"{package}.{path.stem}", folder))
    return found


def with_folder(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """An environment in which Python imports from a folder, too."""
    paths = [str(folder), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
