"""The command that has launched an experiment, and the one that repeats a run."""

import os
import shlex
import sys
from pathlib import Path

PACKAGES = "experiments", "benchmarks"
"""Of this house, whose modules are launched."""


def launched(name: str) -> tuple[str, ...]:
    """What follows `python` to launch an experiment: `-m` and its module, or its file."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        module = spec.name.removesuffix(".__main__")
        if module.rpartition(".")[2] == name:
            return "-m", module
    elif file is not None and Path(file).stem == name:
        path = os.path.relpath(file)
        return (file if path.startswith(os.pardir) else path,)
    return "-m", f"{PACKAGES[0]}.{name}"


def repeating(name: str, config: Path) -> str:
    """The line that runs the same configuration in a new folder beside that of `config`.

    To be given where the run was launched.
    """
    workdir = config.parent
    again = workdir.with_name(f"{workdir.name}_again") if workdir.name else Path(f"{name}_again")
    words = ["python", *launched(name), f"--config={config}", f"--workdir={again}"]
    return shlex.join(words)
