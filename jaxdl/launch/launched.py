"""How an experiment was launched: as a module of a package, or as a file of the user's."""

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

from jaxdl._errors import UserError
from jaxdl._workdir import CONFIG
from jaxdl.launch.experiment import Experiment

MAIN = "__main__"


def module_of(experiment: Experiment) -> ModuleType:
    """The module that was launched, where any of the experiment's parts is in it; else its plan's,
    whose docstring is the head of `--help`."""
    places = [part.__module__ for part in (experiment.plan, experiment.config, experiment.conclude)]
    return sys.modules[MAIN if MAIN in places else places[0]]


def file_of(experiment: Experiment) -> Path | None:
    """The file that was launched as a script; None of a module of a package."""
    module = module_of(experiment)
    if module.__spec__ is not None:
        return None
    if not hasattr(module, "__file__"):
        raise UserError("an experiment is launched from a file, whose name it then has")
    return Path(module.__file__ or "").absolute()


def name_of(experiment: Experiment) -> str:
    """That of the experiment's file, without its ending."""
    file = file_of(experiment) or Path(module_of(experiment).__file__ or "")
    return file.stem


def question_of(experiment: Experiment) -> str:
    """What it asks: the first paragraph of the file's docstring, in one line."""
    doc = module_of(experiment).__doc__ or ""
    return " ".join(re.split(r"\n\s*\n", doc.strip())[0].split())


def words_of(experiment: Experiment) -> tuple[str, ...]:
    """What Python is given to launch it, in the folder of the package: `-m` and a module, or, from
    anywhere, the path of a file."""
    file, spec = file_of(experiment), module_of(experiment).__spec__
    return ("-m", spec.name) if file is None and spec is not None else (str(file),)


def command_of(experiment: Experiment, *flags: str) -> str:
    """The line that launches it, for a shell."""
    return shlex.join(["python", *words_of(experiment), *flags])


def repeating(experiment: Experiment, workdir: Path) -> str:
    """The line that runs the configuration of a workdir again, in a new one beside it.

    A file of the user's is launched from anywhere, a module in its checkout.
    """
    if file_of(experiment) is not None:
        workdir = workdir.absolute()
    again = workdir.with_name(f"{workdir.resolve().name}_again")
    return command_of(experiment, f"--config={workdir / CONFIG}", f"--workdir={again}")
