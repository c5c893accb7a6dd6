"""`jaxdl open`: the report of a run, in the browser."""

import json
import shlex
import webbrowser
from pathlib import Path

from jaxdl._errors import UserError
from jaxdl._workdir import CONFIG, ENVIRONMENT, LEDGER, REPORT


def run(workdir: Path) -> int:
    """Prints the path of the page and has the browser show it; 0. Raises UserError without one."""
    page = (workdir / REPORT).absolute()
    if not page.is_file():
        raise UserError(_missing(workdir))
    print(page)
    webbrowser.open(page.as_uri())
    return 0


def _missing(workdir: Path) -> str:
    if not workdir.is_dir():
        return f"{workdir} is no folder"
    try:
        facts = dict(json.loads((workdir / ENVIRONMENT).read_bytes()))
        name = str(facts.get("file") or facts["experiment"])
    except (OSError, ValueError, TypeError, KeyError):
        made = (
            ""
            if not (workdir / LEDGER).exists()
            else "; of a sweep from Python jaxdl.report.write makes one"
        )
        return f"{workdir} has no {REPORT}{made}"
    config = f"--config={workdir / CONFIG}"
    line = shlex.join(["jaxdl", "run", name, config, f"--workdir={workdir}"])
    return f"{workdir} has no {REPORT} yet; this ends the run and makes one: {line}"
