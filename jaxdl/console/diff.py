"""`jaxdl diff`: what two runs differ in, by what was asked, where they ran, and what came out."""

from pathlib import Path
from typing import NamedTuple

from jaxdl import report
from jaxdl._errors import UserError
from jaxdl._workdir import CONFIG, LEDGER, METRICS
from jaxdl.console import outcomes, settings


class Row(NamedTuple):
    """A line of the table; difference: of the second from the first."""

    what: str
    first: str
    second: str
    difference: str = ""


def run(first: Path, second: Path) -> int:
    """Prints a table; 0 if nothing differs, 1 if something does. Raises UserError."""
    for workdir in (first, second):
        if not any((workdir / name).exists() for name in (CONFIG, LEDGER, METRICS)):
            raise UserError(f"{workdir} holds no run")
    asked = [Row(*each) for each in settings.differences(first, second)]
    found = [Row(*each) for each in outcomes.compared(first, second)]
    differ = bool(asked) or any(row.first != row.second for row in found)
    rows = asked + found
    caption = "" if differ else "Nothing differs. "
    if any(row.difference for row in found):
        caption += (
            f"Difference: {second} less {first}, with its 95 % interval over the seeds, paired "
            "where they are shared. A program is judged at its chosen point, each seed at the one "
            "that other seeds chose."
        )
    header = ("what", str(first), str(second), "difference")
    report.show(report.Table(header, tuple(rows), caption=caption))
    return int(differ)
