"""Prepared datasets, written once a session."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FIRST_USE = """
import sys
from jaxdl.data import catalog
assert not {"jax", "tensorflow_datasets", "sklearn", "grain"} & set(sys.modules)
catalog.load("digits")
assert not {"jax", "tensorflow"} & set(sys.modules)
"""


@pytest.fixture(scope="session")
def first_use(tmp_path_factory):
    """(directory, finished process) of a fresh interpreter that loads digits for the first time."""
    root = tmp_path_factory.mktemp("datasets")
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST_USE],
        env=os.environ | {"JAXDL_DATA_DIR": str(root)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    return root, process


@pytest.fixture(scope="session")
def digits_dir(first_use):
    root, process = first_use
    assert process.returncode == 0, process.stderr
    return root


def _png(image):
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, "PNG")
    return buffer.getvalue()


def _write_images(root, name, splits, version="3.0.1", label=None, num_shards=1):
    """Prepares `{split: (images, labels)}` as TFDS prepares its image datasets: PNG bytes."""
    import tensorflow_datasets as tfds

    shape = splits["train"][0].shape[1:]

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version(version)

        def _info(self):
            features = {
                "id": tfds.features.Text(),
                "image": tfds.features.Image(shape=shape),
                "label": label or tfds.features.ClassLabel(num_classes=10),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(*arrays) for split, arrays in splits.items()}

        def _generate_examples(self, images, labels):
            for row, (image, y) in enumerate(zip(images, labels, strict=True)):
                yield row, {"id": f"image_{row}", "image": _png(image), "label": int(y)}

    Builder.name = name
    Builder(data_dir=root).download_and_prepare(
        file_format="array_record",
        download_config=tfds.download.DownloadConfig(num_shards=num_shards),
    )


@pytest.fixture(scope="session")
def write_images():
    return _write_images


@pytest.fixture(scope="session")
def images():
    """Random images and labels: `(shape, n) -> (uint8 [n, *shape], labels [n])`."""

    def make(shape, n):
        rng = np.random.default_rng(n)
        return rng.integers(0, 256, (n, *shape), np.uint8), rng.integers(0, 10, n)

    return make
