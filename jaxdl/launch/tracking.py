"""The trackers of a launch, told what its ledger holds."""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxdl import checkpoint, sweep
from jaxdl.launch.fields import UserError
from jaxdl.sweep import ledger, store
from jaxdl.trackers import TRACKERS, Tracker, Unavailable

BY_ITSELF = "tensorboard"
"""Told by default, before a run is complete."""


def check(names: Sequence[str], workdir: Path) -> None:
    """Raises UserError, before anything runs, if a tracker's package is not installed."""
    for name in names:
        _made(name, workdir)


def tell(workdir: Path, names: Sequence[str]) -> None:
    """Tells all trials of the ledger. Raises sweep.Failed for a tracker that fails."""
    found = sweep.Results(ledger.read(workdir / store.LEDGER), workdir)
    for name in names:
        try:
            sweep.track(found, _made(name, workdir))
        except Exception as error:  # of a service, whatever it raises
            raise sweep.Failed(
                f"--tracker={name} ({type(error).__name__}); the trials are done, and the same "
                "command goes on from here"
            ) from error


def tell_later(workdir: Path, names: Sequence[str]) -> int:
    """Tells a finished run to those who were not told by default; returns the exit code."""
    if asked := [name for name in names if name != BY_ITSELF]:
        try:
            with checkpoint.lock(workdir):
                tell(workdir, asked)
        except checkpoint.WorkdirBusy as error:
            raise UserError(str(error)) from error
        except sweep.Failed as error:
            print(f"failed: {error}: {error.__cause__}", file=sys.stderr)
            return 1
        print(f"told {', '.join(asked)}")
    return 0


def _made(name: str, workdir: Path) -> Tracker:
    try:
        return TRACKERS[name](workdir)
    except Unavailable as error:
        raise UserError(f"--tracker={name}: {error}") from error
