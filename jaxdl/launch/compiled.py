"""What XLA has compiled stays in the user's cache, for the next process.

JAX can bound its cache by itself (`jax_compilation_cache_max_size`), but then looks through all of
it at every write, and after a kill at the wrong moment never writes again. Here it is bounded when
a launch begins.
"""

import os
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import jax

from jaxdl._files import cache_folder

FOLDER = "jax_compilation_cache_dir"
MAX_BYTES = 1 << 30
"""Above it, what was not used for longest goes until four fifths are left."""
UNREADABLE = "Error reading persistent compilation cache entry"
"""How JAX begins when it warns of a damaged entry, before it compiles anew."""
OF_ZLIB = b"\x78"
"""The first byte of an entry that JAX has compressed by zlib, which knows a flipped bit."""


class Entry(NamedTuple):
    """A file of the cache; used: when it was last read or written, in seconds."""

    used: float
    size: int
    path: Path


def keep(max_bytes: int = MAX_BYTES) -> Path | None:
    """Lets JAX keep what it compiles, where the environment says nothing of it.

    Returns the folder, which has been cut down to its bound; None if the user has another.
    """
    if getattr(jax.config, FOLDER) is not None:
        return None
    folder = cache_folder() / "xla"
    jax.config.update(FOLDER, str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    trim(folder, max_bytes)
    return folder


def trim(folder: Path, max_bytes: int) -> None:
    """Removes what was not used for longest from a cache that is larger than its bound."""
    found = sorted(_entries(folder))
    size = sum(entry.size for entry in found)
    if size <= max_bytes:
        return
    for entry in found:
        if size <= 0.8 * max_bytes:
            return
        entry.path.unlink(missing_ok=True)
        size -= entry.size


def _entries(folder: Path) -> list[Entry]:
    found = []
    for file in os.scandir(folder) if folder.is_dir() else ():
        try:
            stat = file.stat()
        except FileNotFoundError:  # another process has removed it
            continue
        if file.name.endswith("-cache"):
            used = max(stat.st_atime, stat.st_mtime)
            found.append(Entry(used, stat.st_size, Path(file.path)))
    return found


def drop_unreadable(folder: Path) -> None:
    """Removes damaged entries: JAX warns of one at every launch, and never writes it anew."""
    for _, _, path in _entries(folder):
        try:
            content = path.read_bytes()
            if content.startswith(OF_ZLIB):
                zlib.decompress(content)
        except FileNotFoundError:  # another process has removed it
            continue
        except zlib.error:
            path.unlink(missing_ok=True)
            warnings.warn(f"{path} was damaged and is removed", stacklevel=2)
