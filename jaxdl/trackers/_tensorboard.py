"""TensorBoard: a folder of events for each run, and a line in the table of hyperparameters."""

import re
import shutil
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from jaxdl.trackers import events
from jaxdl.trackers.tracker import STREAM, Identity, Row, Tracker


def tensorboard(workdir: str | Path) -> Tracker:
    """Into `tb/` of the workdir, which is made anew with the first run that is told.

    Not for training on a stream, which writes its own: there it raises ValueError.
    """
    folder, begun = Path(workdir) / "tb", False

    def begin(identity: Identity) -> _Record:
        nonlocal begun
        if identity.id == STREAM:
            raise ValueError("training on a stream writes tb/ itself")
        if not begun:
            shutil.rmtree(folder, ignore_errors=True)
        begun = True
        named = re.sub(r"[^\w.+-]+", "_", identity.name)[:100]
        return _Record(folder / f"{named}-{identity.id[:6]}", identity)

    return begin


class _Record:
    """Written at its end, in one go."""

    def __init__(self, folder: Path, identity: Identity):
        self._folder = folder
        self._content = [events.start(0), events.session(identity.hparams, identity.group)]

    def write(self, rows: Iterable[Row]) -> None:
        self._content += [events.row(step, values) for step, values in rows]

    def end(self, status: str | None) -> None:
        if status is not None:
            self._content.append(events.session_end(status == "ok"))
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.0"
        (self._folder / name).write_bytes(b"".join(self._content))
