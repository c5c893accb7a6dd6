"""Text files: strict UTF-8 in, whole files out."""

import os
from pathlib import Path

from jaxdl._files import write_atomic
from jaxdl.data.errors import DataError


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a UTF-8 file, without a byte-order mark, lines ending in `\\n`.

    Raises DataError naming the file, and the byte where it is not UTF-8, if it cannot be read.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(f"{path} is not UTF-8: byte {byte:#04x} at offset {error.start}") from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a UTF-8 file, and its folders, so that a reader finds the old or the new one, whole.

    Any number of processes may write it at once. Raises DataError naming it if that is impossible.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
    except OSError as error:
        raise DataError(f"cannot write {path} ({error.strerror})") from error
