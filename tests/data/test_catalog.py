import json
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxdl.data import DataError, catalog

OTHERS = sorted(set(catalog.DATASETS) - {"digits"})


@pytest.fixture(scope="module")
def pictures(images):
    return {"train": images((28, 28, 1), 40), "test": images((28, 28, 1), 10)}


@pytest.fixture(scope="module")
def mnist_dir(tmp_path_factory, write_images, pictures):
    root = tmp_path_factory.mktemp("mnist")
    write_images(root, "mnist", pictures, num_shards=2)
    return root


@pytest.fixture
def damaged(mnist_dir, tmp_path):
    """A copy of the prepared mnist to be damaged: (its root, its version directory)."""
    shutil.copytree(mnist_dir, tmp_path, dirs_exist_ok=True)
    return tmp_path, tmp_path / "mnist" / "3.0.1"


def _refusal(name, root):
    with pytest.raises(DataError) as caught:
        catalog.load(name, root)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_images_are_read_back_pixel_by_pixel(mnist_dir, pictures):
    mnist = catalog.load("mnist", mnist_dir)
    assert (mnist.name, mnist.num_classes) == ("mnist", 10)
    x, y = pictures["train"]
    parts = {"train": (x[:36], y[:36]), "validation": (x[36:], y[36:]), "test": pictures["test"]}
    for split, (images, labels) in parts.items():
        arrays = getattr(mnist, split)
        assert (arrays["x"].dtype, arrays["y"].dtype) == (np.uint8, np.int32)
        np.testing.assert_array_equal(arrays["x"], images)
        np.testing.assert_array_equal(arrays["y"], labels)


def test_colour_images_keep_their_channels(tmp_path, write_images, images):
    splits = {split: images((32, 32, 3), 10) for split in ("train", "test")}
    write_images(tmp_path, "cifar10", splits, version="3.0.2")
    np.testing.assert_array_equal(catalog.load("cifar10", tmp_path).test["x"], splits["test"][0])


def test_the_newest_version_is_read(damaged, write_images, images):
    root, _ = damaged
    newest = {split: images((28, 28, 1), 20) for split in ("train", "test")}
    write_images(root, "mnist", newest, version="3.0.10")
    np.testing.assert_array_equal(catalog.load("mnist", root).test["y"], newest["test"][1])


def test_stream_yields_the_examples_of_load(mnist_dir):
    loaded = catalog.load("mnist", mnist_dir).validation
    streamed = catalog.stream("mnist", "validation", mnist_dir)
    assert len(streamed) == 4
    for row in range(4):
        np.testing.assert_array_equal(streamed[row]["x"], loaded["x"][row])
        assert streamed[row]["y"] == loaded["y"][row]
        assert streamed[row]["y"].dtype == np.int32


def test_data_dir_defaults_to_the_environment(monkeypatch):
    monkeypatch.setenv("JAXDL_DATA_DIR", "/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert catalog.default_data_dir() == Path("/data")
    monkeypatch.delenv("JAXDL_DATA_DIR")
    assert catalog.default_data_dir() == Path("/cache/jaxdl/datasets")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert catalog.default_data_dir() == Path("/home/someone/.cache/jaxdl/datasets")


def test_unknown_name_lists_the_known_ones(tmp_path):
    known = ", ".join(catalog.DATASETS)
    assert _refusal("wine", tmp_path) == (
        f"unknown dataset 'wine', choose from {known}; jaxdl.data.read reads tables too"
    )


@pytest.mark.parametrize("name", OTHERS)
def test_unprepared_dataset_names_directory_and_command(name, tmp_path):
    root = tmp_path / "my data"
    assert _refusal(name, root) == (
        f"{name} is not prepared in {root}: where TensorFlow is installed, run "
        f"tfds build {name} --file_format=array_record '--data_dir={root}'"
    )


def test_unwritable_directory(tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert _refusal("digits", file).startswith(f"cannot write the dataset to {file}/digits/1.0.0")


@pytest.fixture
def file_limit():
    """No file may grow past 50 kB, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("file_limit")
def test_full_disk_leaves_nothing_behind(tmp_path):
    message = _refusal("digits", tmp_path)
    assert message.startswith(f"cannot write the dataset to {tmp_path}/digits/1.0.0")
    assert list((tmp_path / "digits").iterdir()) == []


def _delete(path):
    path.unlink()


def _empty(path):
    path.write_bytes(b"")


def _halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _cut_to_one_block(path):
    # An array_record file of exactly 64 KiB opens, and then reads as empty records.
    path.write_bytes(path.read_bytes()[: 1 << 16])


def _flip(path):
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_delete, _empty, _halve, _cut_to_one_block, _flip])
def test_damaged_shard_is_named(damaged, damage):
    root, directory = damaged
    shard = directory / "mnist-train.array_record-00001-of-00002"
    damage(shard)
    message = _refusal("mnist", root)
    fate = "missing" if damage is _delete else "damaged"
    assert message.startswith(f"{shard} is {fate}")
    assert message.endswith(
        "; to prepare it again run tfds build mnist --file_format=array_record "
        f"--data_dir={root} --overwrite"
    )


@pytest.mark.parametrize("damage", [_delete, _empty, _halve, _cut_to_one_block])
def test_stream_refuses_a_shortened_shard_at_once(damaged, damage):
    root, directory = damaged
    shard = directory / "mnist-test.array_record-00000-of-00002"
    damage(shard)
    with pytest.raises(DataError, match=shard.name):
        catalog.stream("mnist", "test", root)


@pytest.mark.parametrize("damage", [_delete, _empty, _halve])
@pytest.mark.parametrize("file", ["dataset_info.json", "features.json"])
def test_damaged_metadata_names_the_directory(damaged, damage, file):
    root, directory = damaged
    damage(directory / file)
    message = _refusal("mnist", root)
    assert message.startswith(f"{directory} is damaged")
    assert "--overwrite" in message


def test_damaged_digits_are_prepared_again_after_deletion(digits_dir, tmp_path):
    shutil.copytree(digits_dir, tmp_path, dirs_exist_ok=True)
    directory = tmp_path / "digits" / "1.0.0"
    (directory / "dataset_info.json").write_text("{")
    message = _refusal("digits", tmp_path)
    assert message.endswith(f"; delete {directory} to have it prepared again")
    shutil.rmtree(directory)
    assert len(catalog.load("digits", tmp_path).test["y"]) == 360


def _edit_info(directory, change):
    path = directory / "dataset_info.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def test_other_file_format_is_refused(damaged):
    root, directory = damaged
    _edit_info(directory, lambda info: info.update(fileFormat="tfrecord"))
    assert _refusal("mnist", root).startswith(
        f"{directory} is not in array_record form; to prepare"
    )


def test_lost_split_is_refused(damaged):
    root, directory = damaged
    _edit_info(directory, lambda info: info["splits"].pop())
    assert _refusal("mnist", root).startswith(f"{directory} is damaged (Unknown split")


def test_other_image_shape_is_refused(tmp_path, write_images, images):
    write_images(tmp_path, "mnist", {split: images((8, 8, 1), 10) for split in ("train", "test")})
    assert "holds images (8, 8, 1), not (28, 28, 1)" in _refusal("mnist", tmp_path)


def test_label_out_of_range_is_refused(tmp_path, write_images, images):
    import tensorflow_datasets as tfds

    x, y = images((28, 28, 1), 10)
    label = tfds.features.Scalar(np.int64)
    write_images(tmp_path, "mnist", {"train": (x, y), "test": (x, y + 10)}, label=label)
    assert _refusal("mnist", tmp_path).startswith("mnist, split test, row 0: label ")
    streamed = catalog.stream("mnist", "test", tmp_path)
    with pytest.raises(DataError, match=r"mnist, split test: label 1\d is outside 0\.\.9"):
        streamed[0]


def test_labels_that_32_bits_would_make_another_one_are_refused(tmp_path, write_images, images):
    import tensorflow_datasets as tfds

    x, y = images((28, 28, 1), 10)
    label = tfds.features.Scalar(np.int64)
    write_images(tmp_path, "mnist", {"train": (x, y), "test": (x, y + 2**32)}, label=label)
    message = f"mnist, split test, row 0: label {y[0] + 2**32} is outside 0..9"
    assert _refusal("mnist", tmp_path) == message
