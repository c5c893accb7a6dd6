"""The datasets by name, as NumPy arrays or as a stream; importing it loads neither JAX nor TFDS."""

import logging
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxdl import quiet
from jaxdl._files import cache_folder
from jaxdl.data.check import check_arrays
from jaxdl.data.errors import DataError

if TYPE_CHECKING:
    import grain
    import tensorflow_datasets as tfds


class Source(NamedTuple):
    """Images [H, W, C], their number of classes, and the three splits in the language of TFDS.

    builder: `() -> a TFDS builder class`, which prepares the data at first use; None for what is
    only read where TFDS has prepared it. A function, so that a name costs no import of TFDS.
    """

    shape: tuple[int, int, int]
    num_classes: int
    train: str = "train[:90%]"
    validation: str = "train[90%:]"
    test: str = "test"
    builder: "Callable[[], type[tfds.core.GeneratorBasedBuilder]] | None" = None


def _digits() -> "type[tfds.core.GeneratorBasedBuilder]":
    from jaxdl.data.sources.digits import Digits

    return Digits


DATASETS: dict[str, Source] = {
    "digits": Source((8, 8, 1), 10, train="train", validation="validation", builder=_digits),
    "mnist": Source((28, 28, 1), 10),
    "fashion_mnist": Source((28, 28, 1), 10),
    "cifar10": Source((32, 32, 3), 10),
    "svhn_cropped": Source((32, 32, 3), 10),
}
"""`digits` comes with scikit-learn; the others are read where TFDS has prepared them."""


class Dataset(NamedTuple):
    """Three splits `{"x": uint8 [N, H, W, C], "y": int32 [N]}`, unscaled, in stored order."""

    train: dict[str, np.ndarray]
    validation: dict[str, np.ndarray]
    test: dict[str, np.ndarray]
    num_classes: int
    name: str


def default_data_dir() -> Path:
    """$JAXDL_DATA_DIR, else jaxdl/datasets in the user's cache ($XDG_CACHE_HOME or ~/.cache)."""
    if directory := os.environ.get("JAXDL_DATA_DIR"):
        return Path(directory).expanduser()
    return cache_folder() / "datasets"


def load(name: str, data_dir: str | os.PathLike | None = None) -> Dataset:
    """Reads a dataset of `DATASETS` into memory; one with a builder is prepared on first use.

    data_dir: where TFDS keeps its prepared datasets, by default `default_data_dir()`.
    Raises DataError, one line that says what to do, for an unknown name, a dataset that is not
    prepared, a missing or damaged file, or labels out of range.
    """
    from jaxdl.data import records

    source, builder, remedy = _open(name, data_dir)
    splits = {}
    for split in ("train", "validation", "test"):
        arrays = records.read_split(builder, getattr(source, split), remedy)
        check_arrays(name, split, arrays, source.num_classes)
        splits[split] = arrays | {"y": arrays["y"].astype(np.int32)}
    return Dataset(**splits, num_classes=source.num_classes, name=name)


def stream(
    name: str, split: str, data_dir: str | os.PathLike | None = None
) -> "grain.MapDataset[dict[str, np.ndarray]]":
    """A split read example by example, `{"x": [H, W, C], "y": []}`, for `batches.epochs`.

    split: `train`, `validation` or `test`. Raises DataError as `load` does; damage inside a file
    and labels out of range show only when they are read.
    """
    from jaxdl.data import records

    with quiet.absl(logging.WARNING):
        import grain

    source, builder, remedy = _open(name, data_dir)
    part = {"train": source.train, "validation": source.validation, "test": source.test}[split]
    records.check_shards(builder, part, remedy)
    examples = builder.as_data_source(part, decoders=records.image_decoders(builder))

    def example(record: dict[str, Any]) -> dict[str, np.ndarray]:
        label = int(record["label"])
        if not 0 <= label < source.num_classes:
            last = source.num_classes - 1
            raise DataError(f"{name}, split {split}: label {label} is outside 0..{last}")
        return {"x": record["image"], "y": np.asarray(label, np.int32)}

    return grain.MapDataset.source(examples).map(example)


def _open(
    name: str, data_dir: str | os.PathLike | None
) -> tuple[Source, "tfds.core.DatasetBuilder", str]:
    """The source, its prepared builder, and what to do when a file turns out to be damaged."""
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise DataError(
            f"unknown dataset {name!r}, choose from {known}; jaxdl.data.read reads tables too"
        )
    from jaxdl.data import records

    root = Path(data_dir).expanduser() if data_dir is not None else default_data_dir()
    source = DATASETS[name]
    if source.builder is not None:
        directory = _prepare(source.builder(), root)
        remedy = f"delete {directory} to have it prepared again"
    else:
        directory = _newest_version(name, root)
        remedy = f"to prepare it again run {_command(name, root, '--overwrite')}"
    builder = records.open_directory(directory, remedy)
    shape = builder.info.features["image"].shape
    if shape != source.shape:
        raise DataError(f"{directory} holds images {shape}, not {source.shape}; {remedy}")
    return source, builder, remedy


def _prepare(builder: "type[tfds.core.GeneratorBasedBuilder]", root: Path) -> Path:
    from jaxdl.data import records

    directory = root / builder.name / str(builder.VERSION)
    if not directory.exists():
        records.prepare(builder(data_dir=root))
    return directory


def _newest_version(name: str, root: Path) -> Path:
    found = {
        tuple(map(int, path.name.split("."))): path
        for path in (root / name).glob("*.*.*")
        if path.name.replace(".", "").isdecimal()
    }
    if not found:
        raise DataError(
            f"{name} is not prepared in {root}: where TensorFlow is installed, run "
            f"{_command(name, root)}"
        )
    return found[max(found)]


def _command(name: str, root: Path, *options: str) -> str:
    words = ["tfds", "build", name, "--file_format=array_record", f"--data_dir={root}", *options]
    return shlex.join(words)
