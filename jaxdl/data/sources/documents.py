"""English prose without a network: docstrings of the installed packages, Python's help topics, and
the user's own files.
"""

import ast
import hashlib
import json
import os
import platform
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from jaxdl._files import cache_folder
from jaxdl.data.errors import DataError
from jaxdl.data.text.files import read_text, write_text

T = TypeVar("T")
PACKAGES = {
    "jax": "jax",
    "flax": "flax",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "optax": "optax",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
}
"""Distributions that `docstrings` reads, and the module of each."""
SUFFIXES = (".txt", ".md", ".rst", ".py")
"""The files that `read` takes from a folder."""

_FORMAT = 2
_SKIPPED = {"site-packages", "dist-packages", "test", "tests", "idle_test", "_vendor", "lib2to3"}
_DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Documents(NamedTuple):
    """Three disjoint lists of documents."""

    train: list[str]
    validation: list[str]
    test: list[str]


def docstrings() -> list[str]:
    """All that `docstrings_by_package` gives, in its order."""
    return [text for texts in docstrings_by_package().values() for text in texts]


def docstrings_by_package() -> dict[str, list[str]]:
    """The distinct docstrings of the standard library, `python`, and of `PACKAGES` that are there.

    Some 2 million words of technical English, unindented, in the order of packages and files, the
    same for the same versions; one that several packages have is of the first. The source is
    parsed, never run: about 10 seconds the first time, then kept under $XDG_CACHE_HOME or ~/.cache
    in a file for these versions. Raises DataError if the cache cannot be written.
    """
    versions = _versions()
    digest = hashlib.sha256(json.dumps([_FORMAT, versions]).encode()).hexdigest()[:16]
    path = cache_folder() / "text" / f"docstrings-{digest}.json"
    found = _cached(path)
    if found is None:
        found, seen = {}, set[str]()
        for name in versions:
            texts = dict.fromkeys(text for text in _of_folder(_folder(name)) if text.strip())
            found[name] = [text for text in texts if text not in seen]
            seen |= texts.keys()
        write_text(path, json.dumps(found))
    return found


def topics() -> list[str]:
    """Python's help topics: some 64,000 words of technical English in about 80 documents."""
    from pydoc_data import topics

    return [topics.topics[name] for name in sorted(topics.topics)]


def read(path: str | os.PathLike[str]) -> list[str]:
    """The text of a UTF-8 file, or of all files of `SUFFIXES` in a folder and below, by path.

    Files of a folder that hold nothing but white space are left out.
    Raises DataError naming the path if there is no text in it, and as `files.read_text`.
    """
    root = Path(path)
    if not root.is_dir():
        texts = [read_text(root)]
    else:
        files = sorted(file for file in root.rglob("*") if file.suffix in SUFFIXES)
        texts = [read_text(file) for file in files if file.is_file()]
    texts = [text for text in texts if text.strip()]
    if not texts:
        what = f"no text in {', '.join(SUFFIXES)} files" if root.is_dir() else "the file is empty"
        raise DataError(f"{root}: {what}")
    return texts


def paragraphs(text: str) -> list[str]:
    """The pieces of a text between blank lines, for `split` to divide a single long document."""
    blocks = "\n".join(line.rstrip() for line in text.splitlines()).split("\n\n")
    return [block.strip("\n") for block in blocks if block.strip()]


def sample(found: Sequence[T], count: int, rng: np.random.Generator) -> list[T]:
    """So many of the documents, or all where there are fewer, in an order drawn by `rng`."""
    return [found[place] for place in rng.permutation(len(found))[:count]]


def split(documents: Sequence[str]) -> Documents:
    """90, 5 and 5 % of the documents for training, validation and test; one at least in each.

    A document's hash decides where it goes, not its place, so an added one moves few others; equal
    documents go the same way, so their shares are of the distinct ones. The order is kept.
    Raises DataError for fewer than three distinct documents.
    """
    ranked = sorted(set(documents), key=_digest)
    if len(ranked) < 3:
        raise DataError(f"{len(ranked)} distinct documents cannot be split in three")
    held_out = max(1, round(0.05 * len(ranked)))
    test, validation = set(ranked[:held_out]), set(ranked[held_out : 2 * held_out])
    return Documents(
        train=[text for text in documents if text not in test and text not in validation],
        validation=[text for text in documents if text in validation],
        test=[text for text in documents if text in test],
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _versions() -> dict[str, str]:
    """The version of every distribution that is installed, Python's own among them."""
    versions = {"python": platform.python_version()}
    for name in sorted(PACKAGES):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _folder(name: str) -> Path:
    """Where Python or a distribution of `PACKAGES` has its source; it is not imported.

    Raises DataError for a distribution without its module.
    """
    if name == "python":
        return Path(sysconfig.get_path("stdlib"))
    spec = util.find_spec(PACKAGES[name])
    if spec is None or spec.origin is None:
        raise DataError(f"{name} is installed without its module {PACKAGES[name]}; install it anew")
    return Path(spec.origin).parent


def _cached(path: Path) -> dict[str, list[str]] | None:
    """What is in the cache; None if there is none or it is damaged."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _of_folder(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).parts):
        if not _SKIPPED & set(path.relative_to(root).parts):
            yield from _of_source(path)


def _of_source(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old escapes in other people's strings
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # a template or a file of another Python
        return
    for node in ast.walk(tree):
        if isinstance(node, _DEFINITIONS) and (text := ast.get_docstring(node)):
            yield text
