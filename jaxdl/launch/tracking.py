"""The trackers of a launch, told what its ledger holds."""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxdl import checkpoint, sweep
from jaxdl.launch.fields import UserError
from jaxdl.sweep import ledger, store
from jaxdl.trackers import TRACKERS, Tracker, Unavailable

BY_ITSELF, LIGHT = "tensorboard", 500
"""Told where no one is asked for, and of how many trials: those on fresh seeds are the last."""
Names = Sequence[str] | None
"""Of trackers; None: nobody was asked for."""


def check(names: Names, workdir: Path) -> None:
    """Raises UserError, before anything runs, if a tracker's package is not installed."""
    for name in names or ():
        _made(name, workdir)


def tell(workdir: Path, names: Names) -> None:
    """Tells the trials of the ledger. Raises sweep.Failed for a tracker that fails."""
    rows = ledger.read(workdir / store.LEDGER)
    found = sweep.Results(rows[-LIGHT:] if names is None else rows, workdir)
    for name in [BY_ITSELF] if names is None else names:
        try:
            sweep.track(found, _made(name, workdir))
        except Exception as error:  # of a service, whatever it raises
            raise sweep.Failed(
                f"--tracker={name} ({type(error).__name__}); the trials are done, and the same "
                "command goes on from here"
            ) from error


def tell_later(workdir: Path, names: Names) -> int:
    """Tells a finished run to those who are asked for; returns the exit code."""
    if names:
        try:
            with checkpoint.lock(workdir):
                tell(workdir, names)
        except checkpoint.WorkdirBusy as error:
            raise UserError(str(error)) from error
        except sweep.Failed as error:
            print(f"failed: {error}: {error.__cause__}", file=sys.stderr)
            return 1
        print(f"told {', '.join(names)}")
    return 0


def _made(name: str, workdir: Path) -> Tracker:
    try:
        return TRACKERS[name](workdir)
    except Unavailable as error:
        raise UserError(f"--tracker={name}: {error}") from error
