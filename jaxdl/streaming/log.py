"""Metrics of a run: rows of JSON, TensorBoard and the terminal, all from one call.

`metrics.jsonl` holds a line for each row: `step`, and numbers whose names are those of TensorBoard:
`train/loss`, `evaluation/accuracy`. What begins with `speed/` or `device/` is another number in
every session. What is not finite is null there.
"""

import json
import math
import os
import socket
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

from jaxdl._files import sync
from jaxdl._workdir import METRICS
from jaxdl.trackers import events

ROWS, BOARD = METRICS, "tb"
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
        self._rows = _opened(workdir / ROWS)
        self._board = _opened(_next_file(workdir / BOARD))
        _append(self._board, events.start(step))
        self._told = -math.inf

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a row. Raises OSError if the disk is full or fails."""
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        _append(self._rows, (json.dumps({"step": step, **finite}) + "\n").encode())
        _append(self._board, events.row(step, values))
        now = time.monotonic()
        if now - self._told > SECONDS_BETWEEN_LINES or step == self._steps:
            self._told = now
            print(_line(step, self._steps, values), file=sys.stderr, flush=True)

    def position(self) -> dict[str, int]:
        """Where the files end; they are handed over to the system, though not yet on disk."""
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
        os.close(self._board)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _append(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


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
    return sorted(folder.glob("events.out.tfevents.*"), key=_session)


def _session(path: Path) -> int:
    number = path.suffix[1:]
    return int(number) if number.isdigit() else -1


def _next_file(folder: Path) -> Path:
    """A file for this session. A name that tells seconds alone could be that of the one before."""
    folder.mkdir(exist_ok=True)
    number = max(map(_session, _event_files(folder)), default=-1) + 1
    return folder / f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{number}"


def _line(step: int, steps: int, values: Mapping[str, float]) -> str:
    shown = [f"{name} {value:.4g}" for name, value in values.items()]
    return f"step {step}/{steps}: {', '.join(shown)}"
