"""`jaxdl repeat`: an experiment once more from its `config.json`, compared bit by bit."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from jaxdl._errors import UserError
from jaxdl._text import check_name
from jaxdl._workdir import CONFIG, ENVIRONMENT, VERDICT
from jaxdl.console import same
from jaxdl.console.experiments import PACKAGES, known
from jaxdl.console.run import command
from jaxdl.launch.runner import FAILED


def run(workdir: Path, to: Path, experiment: str = "") -> int:
    """Runs and compares; 0 if all is equal, 1 if not. Raises UserError.

    experiment: name or file; empty: the name that the workdir says, of those that are known here.
    """
    words, environment = command(experiment or _experiment(workdir))
    _check(workdir, to)
    same.check(workdir)  # before the second run, which may take hours
    line = [sys.executable, *words, f"--config={workdir / CONFIG}", f"--workdir={to}"]
    code = _wait(subprocess.Popen(line, env=environment))
    if code:
        print(f"jaxdl: the second run ended with exit code {code}", file=sys.stderr)
        return max(code, FAILED)
    return same.tell(workdir, to)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a run, which is told of SIGTERM here; of Ctrl-C a terminal tells it."""
    handlers = {
        signal.SIGINT: lambda *_: None,
        signal.SIGTERM: lambda *_: process.terminate(),
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check(workdir: Path, to: Path) -> None:
    if to.resolve() == workdir.resolve():
        raise UserError("--to is the workdir itself; it needs one of its own")
    if not (workdir / VERDICT).exists():
        raise UserError(f"{workdir} is not finished: there is no {VERDICT}")


def _experiment(workdir: Path) -> str:
    """The name of the experiment that made a workdir, of those that are known here."""
    try:
        facts = json.loads((workdir / ENVIRONMENT).read_bytes())
        json.loads((workdir / CONFIG).read_bytes())
        name = check_name(str(facts["experiment"]))
    except FileNotFoundError as error:
        if not workdir.is_dir():
            raise UserError(f"{workdir} is no folder") from None
        missing = Path(error.filename).name
        raise UserError(
            f"{workdir} has no {missing}: it is of no experiment that was launched; what a program "
            "of yours ran, that program repeats"
        ) from None
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{workdir} does not say of which experiment it is") from None
    # What a file says is only looked up, and never becomes part of a command by itself.
    if "file" in facts:
        raise UserError(f"{workdir} was made by a file: add --experiment={facts['file']}")
    if name not in known():
        raise UserError(
            f"{workdir / ENVIRONMENT} names the experiment {name!r}, which is neither in "
            f"{' nor in '.join(PACKAGES)} here; run it in its checkout"
        )
    return name
