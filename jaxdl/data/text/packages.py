"""From which package each docstring is: documents with a label that nobody had to write."""

import hashlib
import json
import os
from itertools import accumulate
from pathlib import Path

from jaxdl.data.text import documents
from jaxdl.data.text.files import write_text


def docstrings() -> dict[str, list[str]]:
    """What `documents.docstrings` gives, by package: `python` and those of `documents.PACKAGES`.

    A docstring that several packages have is of the first. It takes as long as that one the first
    time; then the number of each package's documents is kept beside its cache. Raises DataError as
    it does.
    """
    found = documents.docstrings()
    sizes = _sizes(found)
    ends = accumulate(sizes.values())
    return {name: found[end - sizes[name] : end] for name, end in zip(sizes, ends, strict=True)}


def _sizes(found: list[str]) -> dict[str, int]:
    """The number of documents of each package, in their order."""
    digest = hashlib.sha256(json.dumps(found).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = cache / "jaxdl" / "text" / f"packages-{digest}.json"
    try:
        sizes = dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        sizes = {}
    if sum(sizes.values()) != len(found):
        sizes = _counted()
        write_text(path, json.dumps(sizes))
    return sizes


def _counted() -> dict[str, int]:
    seen: set[str] = set()
    sizes = {}
    for name in documents._versions():
        texts = {text for text in documents._of_folder(documents._folder(name)) if text.strip()}
        sizes[name] = len(texts - seen)
        seen |= texts
    return sizes
