"""Datasets on disk, checks, scaling and batches. Importing it loads neither JAX nor TFDS."""

import importlib
from typing import TYPE_CHECKING, Any

from jaxdl.data.errors import DataError

if TYPE_CHECKING:
    from jaxdl.data.reading import read

__all__ = ["DataError", "read"]


def __getattr__(name: str) -> Any:
    if name == "read":
        return importlib.import_module("jaxdl.data.reading").read
    raise AttributeError(f"module 'jaxdl.data' has no attribute {name!r}")
