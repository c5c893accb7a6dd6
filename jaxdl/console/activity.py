"""Who works in a workdir, told without touching its locks."""

import os
from collections.abc import Mapping
from pathlib import Path

from jaxdl._workdir import LOCK_FILES

LOCKS = Path("/proc/locks")


def held() -> Mapping[str, int] | None:
    """The process behind each file that is locked as workdirs are; None where Linux does not tell.

    To ask by trying to take a lock would refuse a run that begins at that moment.
    """
    try:
        lines = [line.split() for line in LOCKS.read_text().splitlines()]
    except OSError:
        return None
    return {line[5]: int(line[4]) for line in lines if len(line) == 8 and line[1] == "FLOCK"}


def worker(workdir: Path | str, locks: Mapping[str, int] | None = None) -> int | None:
    """The process that holds the workdir; None if there is none, or it cannot be told.

    locks: as `held` gave them, where many workdirs are asked about.
    """
    locks = held() if locks is None else locks
    for name in LOCK_FILES if locks else ():
        try:
            stat = os.stat(os.path.join(workdir, name))
        except OSError:
            continue
        place = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
        if locks and place in locks:
            return locks[place]
    return None
