"""Files that appear whole or not at all, and the folder of what can be made again."""

import os
from collections.abc import Mapping
from pathlib import Path


def write_atomic(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Writes a file so that at any moment its old or its new content is there, never a part.

    Text becomes UTF-8. Of several processes that write it at once, one after another wins.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with open(draft, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)


def drop_drafts(folder: Path) -> None:
    """Removes what `write_atomic` left in a folder when a process died in it; nobody else may be
    writing there: hold its lock."""
    for draft in folder.glob(".*.draft"):
        draft.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Returns when what a file or a folder holds is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`jaxdl` in the user's cache: $XDG_CACHE_HOME, or else ~/.cache."""
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxdl"
