"""`jaxdl run`: an experiment of a checkout by its name, or one of the user's own by its file."""

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NoReturn

from jaxdl import _cpu
from jaxdl._errors import UserError
from jaxdl._text import meant
from jaxdl.console import experiments


def run(experiment: str, flags: Sequence[str]) -> NoReturn:
    """Becomes the experiment's process. Raises UserError where there is no such experiment."""
    words, environment = command(experiment)
    os.execve(sys.executable, [sys.executable, *words, *flags], environment)


def command(experiment: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """What Python is given to launch it, and in which environment: on every core."""
    environment = dict(os.environ)
    _cpu.share(environment)
    if experiment.endswith(".py") or os.sep in experiment:
        if not Path(experiment).is_file():
            raise UserError(f"there is no file {experiment}")
        return (experiment,), environment
    known = experiments.known()
    if experiment not in known:
        raise UserError(f"no experiment is named {experiment}{_hint(experiment, known)}")
    module, folder = known[experiment]
    return ("-m", module), experiments.with_folder(environment, folder)


def _hint(experiment: str, known: Collection[str]) -> str:
    if Path(f"{experiment}.py").is_file():
        return f"; did you mean {experiment}.py?"
    if not known:
        return ": there are none here; go to a checkout of jaxdl, or give the path of your own file"
    return meant(experiment, known) or "; give the path of a file of your own, such as mine.py"
