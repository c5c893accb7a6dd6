"""Metrics of a run: rows of JSON, TensorBoard and the terminal, all from one call.

`metrics.jsonl` holds a line for each row: `step`, and numbers whose names are those of TensorBoard:
`train/loss`, `evaluation/accuracy`. What begins with `speed/` or `device/` is another number in
every session. What is not finite is null there.
"""

import json
import math
import os
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jaxdl._files import sync

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter

ROWS, BOARD = "metrics.jsonl", "tb"
SECONDS_BETWEEN_LINES = 1.0
Position = Mapping[str, int]
"""Bytes of each file, by its name below the workdir."""


class Log:
    """Goes on at a position: what a session that died has written behind it is cut off.

    step: of the position; `steps`: of the run. One writer at a time.
    """

    def __init__(self, workdir: Path, position: Position, step: int, steps: int):
        _cut(workdir, position)
        self._workdir, self._steps = workdir, steps
        appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._rows = os.open(workdir / ROWS, appending, 0o644)
        self._board = _events(workdir / BOARD, step)
        self._told = -math.inf

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a row. Raises OSError if the disk is full or fails."""
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        left = memoryview((json.dumps({"step": step, **finite}) + "\n").encode())
        while left:
            left = left[os.write(self._rows, left) :]
        self._board.write_event(_event(step, values))
        now = time.monotonic()
        if now - self._told > SECONDS_BETWEEN_LINES or step == self._steps:
            self._told = now
            self._board.flush()
            print(_line(step, self._steps, values), file=sys.stderr, flush=True)

    def position(self) -> dict[str, int]:
        """Where the files end; they are handed over to the system, though not yet on disk."""
        self._board.flush()
        files = (self._workdir / ROWS, *_event_files(self._workdir / BOARD))
        return {_name(self._workdir, path): path.stat().st_size for path in files}

    def sync(self) -> None:
        """Returns when what was written before is on disk; may be called in another thread."""
        *_, newest = _event_files(self._workdir / BOARD)
        for path in (self._workdir / ROWS, newest, self._workdir / BOARD):
            sync(path)

    def close(self) -> None:
        """Ends the files."""
        os.close(self._rows)
        self._board.close()


def _cut(workdir: Path, position: Position) -> None:
    there = [workdir / ROWS] if (workdir / ROWS).exists() else []
    sizes = {
        _name(workdir, path): path.stat().st_size
        for path in [*there, *_event_files(workdir / BOARD)]
    }
    for name, size in sizes.items():
        if size > (whole := position.get(name, 0)):
            _shorten(workdir / name, whole)
    for name, whole in position.items():
        if (size := sizes.get(name, 0)) < whole:
            warnings.warn(
                f"{workdir / name} has lost {whole - size} of {whole} bytes", stacklevel=4
            )
            if name == ROWS and size:  # whoever cut it need not have cut it at the end of a row
                _shorten(workdir / name, (workdir / name).read_bytes().rfind(b"\n") + 1)


def _shorten(path: Path, size: int) -> None:
    if size:
        with path.open("r+b") as file:
            file.truncate(size)
    else:
        path.unlink()


def _name(workdir: Path, path: Path) -> str:
    return path.relative_to(workdir).as_posix()


def _event_files(folder: Path) -> list[Path]:
    """The files of all sessions, in their order."""
    files = folder.glob("events.out.tfevents.*")
    return sorted(files, key=lambda path: int(path.suffix[1:]) if path.suffix[1:].isdigit() else -1)


def _events(folder: Path, step: int) -> "EventsWriter":
    """A file of this session, which tells a TensorBoard that is open to forget later steps.

    Of tensorboardX the writer without its queue: what waits there at a kill is lost, and a flush
    does not wait for it. Its names are of seconds, and a second writer in the same one would
    overwrite the first: hence the number of the session.
    """
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    folder.mkdir(exist_ok=True)
    sessions = [int(path.suffix[1:]) for path in _event_files(folder) if path.suffix[1:].isdigit()]
    writer = EventsWriter(str(folder / "events"), f".{max(sessions, default=-1) + 1}")
    start = SessionLog(status=SessionLog.START)
    writer.write_event(Event(wall_time=time.time(), step=step + 1, session_log=start))
    writer.flush()
    return writer


def _event(step: int, values: Mapping[str, float]) -> object:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary

    entries = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
    return Event(wall_time=time.time(), step=step, summary=Summary(value=entries))


def _line(step: int, steps: int, values: Mapping[str, float]) -> str:
    shown = [f"{name} {value:.4g}" for name, value in values.items()]
    return f"step {step}/{steps}: {', '.join(shown)}"
