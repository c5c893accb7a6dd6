"""`jaxdl repeat`: an experiment once more from its `config.json`, compared bit by bit."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from jaxdl.console import same
from jaxdl.launch import UserError
from jaxdl.launch.commands import PACKAGES
from jaxdl.launch.runner import FAILED
from jaxdl.launch.workdirs import CONFIG, ENVIRONMENT, VERDICT
from jaxdl.report.text import check_name


def run(workdir: Path, to: Path) -> int:
    """Runs and compares; 0 if all is equal, 1 if not. Raises UserError."""
    module, folder = _module(workdir)
    _check(workdir, to)
    command = [sys.executable, "-m", module, f"--config={workdir / CONFIG}", f"--workdir={to}"]
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    code = _wait(subprocess.Popen(command, env=environment))
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


def _module(workdir: Path) -> tuple[str, Path]:
    """The experiment that made a workdir, of those that are known here, and the folder it is in."""
    try:
        facts = json.loads((workdir / ENVIRONMENT).read_bytes())
        json.loads((workdir / CONFIG).read_bytes())
        name = check_name(str(facts["experiment"]))
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{workdir} does not say of which experiment it is") from None
    known: dict[str, tuple[str, Path]] = {}
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        for package in PACKAGES:
            for path in sorted((folder / package).glob("[!_]*.py")):
                known.setdefault(path.stem, (f"{package}.{path.stem}", folder))
    # What a file says is only looked up, and never becomes part of a command by itself.
    if name not in known:
        raise UserError(
            f"{workdir / ENVIRONMENT} names the experiment {name!r}, which is neither in "
            f"{' nor in '.join(PACKAGES)} here; run it in its checkout"
        )
    return known[name]
