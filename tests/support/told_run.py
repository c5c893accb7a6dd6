"""A program that tells real trackers, and that tests kill.

    python tests/support/told_run.py sweep|stream TRACKER WORKDIR [DIES_AFTER]

It ends with SIGKILL after so many calls of `write`, in the middle of what it has to tell; the same
command without the number goes on. `begin` and `end` of a tracker count as calls.
"""

import os
import signal
import sys
from pathlib import Path

from support import streams, told
from support import tiny_sweep as tiny

from jaxdl import sweep, trackers

TRACKERS = {**trackers.TRACKERS, "lines": lambda workdir: told.lines(workdir / "told")}


def mortal(tracker, calls):
    """The same tracker, whose process is killed after so many calls."""
    left = iter(range(calls, -1, -1))

    def count():
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    class Record:
        def __init__(self, record):
            self.record = record

        def write(self, rows):
            for row in rows:
                self.record.write([row])
                count()

        def end(self, status):
            self.record.end(status)
            count()

    return lambda identity: Record(tracker(identity))


def main(kind, name, workdir, calls=10**9):
    workdir = Path(workdir)
    tracker = mortal(TRACKERS[name](workdir), int(calls))
    if kind == "sweep":
        sweep.track(tiny.execute(workdir, trials=tiny.TRIALS[:6]), tracker)
    else:
        streams.fit(workdir, trackers=[tracker], config={"rate": 0.1, "widths": (1, 2)})


if __name__ == "__main__":
    main(*sys.argv[1:])
