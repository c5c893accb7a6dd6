"""`jaxdl verify`: what is in a workdir, and whether it is whole."""

from pathlib import Path

from jaxdl import report
from jaxdl.console.activity import worker
from jaxdl.console.parts import BEGUN, DAMAGED, parts


def run(workdir: Path) -> int:
    """Prints a table; 0 if all is whole, 1 if something is damaged. Raises UserError."""
    busy = worker(workdir)
    found = parts(workdir)
    damaged = [part for part in found if part.state == DAMAGED]
    begun = [part for part in found if part.state == BEGUN]
    caption = f"{workdir}: {', '.join(part.name for part in damaged)} damaged."
    if not damaged:
        caption = f"{workdir}: whole."
    if begun:
        caption += " What is begun, the next launch makes good."
    if busy is not None:
        caption += f" Process {busy} is at work there: what it writes just now may look damaged."
    report.show(report.Table(("part", "state", "what"), tuple(map(tuple, found)), caption=caption))
    return int(bool(damaged))
