"""Datasets that TFDS has prepared as array_record files, written and read without TensorFlow."""

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdl import quiet
from jaxdl.data.errors import DataError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.utils.shard_utils import FileInstruction

_DAMAGE = (RuntimeError, ValueError, KeyError, OSError)
"""What TFDS, array_record and Pillow raise on damaged files."""


def prepare(builder: "tfds.core.DatasetBuilder") -> None:
    """Writes the builder's files; any number of processes may do so at once.

    Raises DataError if the directory cannot be written.
    """
    try:
        # TFDS prints to both, and shows bars, whatever its log level.
        with (
            quiet.absl(logging.ERROR),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            builder.download_and_prepare(file_format="array_record")
    except (OSError, RuntimeError) as error:  # array_record raises the second on a full disk
        # TFDS renames a finished private directory, so whoever comes second finds a complete one.
        if not builder.data_path.exists():
            reason = _one_line(error)
            raise DataError(
                f"cannot write the dataset to {builder.data_path} ({reason})"
            ) from error


def open_directory(directory: Path, remedy: str) -> "tfds.core.DatasetBuilder":
    """The builder of a prepared version directory such as `mnist/3.0.1`.

    Raises DataError, ending in `remedy`, if its metadata is damaged or the format another one.
    """
    import tensorflow_datasets as tfds
    from google.protobuf.json_format import ParseError

    try:
        with quiet.absl(logging.ERROR):
            builder = tfds.builder_from_directory(directory)
            features = builder.info.features
    except (*_DAMAGE, ParseError, ImportError) as error:  # an unknown feature asks for TensorFlow
        raise DataError(f"{directory} is damaged ({_one_line(error)}); {remedy}") from error
    if builder.info.file_format != tfds.core.FileFormat.ARRAY_RECORD:
        raise DataError(f"{directory} is not in array_record form; {remedy}")
    if features is None or not {"image", "label"} <= set(features):
        raise DataError(f"{directory} is damaged (no images and labels); {remedy}")
    return builder


def read_split(
    builder: "tfds.core.DatasetBuilder", split: str, remedy: str
) -> dict[str, np.ndarray]:
    """All examples of a split such as `train[90%:]`: `x` uint8 [N, H, W, C], `y` int64 [N].

    Raises DataError, naming the file and ending in `remedy`, if one is missing or damaged.
    """
    shards = _shards(builder, split, remedy)
    shape = builder.info.features["image"].shape
    n = sum(shard.take for shard in shards)
    x, y = np.empty((n, *shape), np.uint8), np.empty(n, np.int64)
    decoders = image_decoders(builder)
    row = 0
    for shard in shards:
        try:
            for record in _read_shard(shard):
                example = builder.info.features.deserialize_example_np(record, decoders=decoders)
                x[row], y[row] = example["image"], example["label"]
                row += 1
        except _DAMAGE as error:
            raise _damaged(shard, error, remedy) from error
    return {"x": x, "y": y}


def image_decoders(builder: "tfds.core.DatasetBuilder") -> dict[str, Any] | None:
    """Decoders for encoded images: Pillow without the detour and the warning of TFDS."""
    import tensorflow_datasets as tfds
    from PIL import Image

    @tfds.decode.make_decoder()
    def decode(encoded: bytes, feature: "tfds.features.FeatureConnector") -> np.ndarray:
        with Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG")) as image:
            return np.asarray(image).reshape(feature.shape)

    encoded = isinstance(builder.info.features["image"], tfds.features.Image)
    return {"image": decode()} if encoded else None


def check_shards(builder: "tfds.core.DatasetBuilder", split: str, remedy: str) -> None:
    """Raises DataError if a file of the split is missing or shortened; reads no examples."""
    for shard in _shards(builder, split, remedy):
        try:
            with _open_shard(shard):
                pass
        except _DAMAGE as error:
            raise _damaged(shard, error, remedy) from error


def _shards(builder: "tfds.core.DatasetBuilder", split: str, remedy: str) -> list[Any]:
    try:
        return builder.info.splits[split].file_instructions
    except _DAMAGE as error:
        raise DataError(f"{builder.data_path} is damaged ({_one_line(error)}); {remedy}") from error


def _read_shard(shard: "FileInstruction") -> list[bytes]:
    with _open_shard(shard) as reader:
        return reader.read(shard.skip, shard.skip + shard.take)


@contextlib.contextmanager
def _open_shard(shard: "FileInstruction") -> Iterator[Any]:
    from array_record.python.array_record_module import ArrayRecordReader

    reader = ArrayRecordReader(str(shard.filename))
    # Cut at certain lengths, a file still opens, and then reads as empty records.
    if reader.num_records() != shard.examples_in_shard:
        raise RuntimeError(f"{reader.num_records()} of {shard.examples_in_shard} records")
    yield reader
    reader.close()


def _damaged(shard: "FileInstruction", error: Exception, remedy: str) -> DataError:
    if not Path(shard.filename).exists():
        return DataError(f"{shard.filename} is missing; {remedy}")
    return DataError(f"{shard.filename} is damaged ({_one_line(error)}); {remedy}")


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
