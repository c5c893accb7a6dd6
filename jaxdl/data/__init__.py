"""Datasets on disk, checks, scaling and batches. Importing it loads neither JAX nor TFDS."""

from jaxdl.data.errors import DataError

__all__ = ["DataError"]
