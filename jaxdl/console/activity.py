"""Who works in a workdir, told without touching its locks."""

import os
from pathlib import Path

LOCKS = Path("/proc/locks")
NAMES = ".lock", ".sweep.lock"
"""Files that a process holds while it works in a workdir."""


def worker(workdir: Path) -> int | None:
    """The process that holds the workdir, as Linux tells; None if there is none, or no Linux.

    To ask by trying to take the lock would refuse a run that begins at that moment.
    """
    try:
        held = [line.split() for line in LOCKS.read_text().splitlines()]
    except OSError:
        return None
    for name in NAMES:
        try:
            stat = (workdir / name).stat()
        except OSError:
            continue
        place = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
        for _, kind, _, _, process, where, *_ in (line for line in held if len(line) == 8):
            if kind == "FLOCK" and where == place:
                return int(process)
    return None
