"""A file of a model is read by JAX without jaxdl, and says the same."""

import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import flax.linen as nn
import jax
import numpy as np
import optax
import pytest
from support import pages

from jaxdl import export, tasks, train
from jaxdl.data import scaling
from jaxdl.layers.norms import BatchNorm
from jaxdl.models import CNN, MLP, ResNet
from jaxdl.types import Task

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 255, (9, 8, 8, 1)).astype(np.uint8)
MODELS = {
    "mlp": MLP((8,), 3),
    "cnn": CNN(((4,), (8,)), 3, (8,), norm=BatchNorm),
    "resnet": ResNet((4, 8), 1, outputs=3),
}
JAX_ALONE = "flatbuffers", "jax", "jaxlib", "ml_dtypes", "numpy", "opt_einsum", "scipy"
"""What `pip install jax flatbuffers` brings, as far as it is imported."""


def written(path, model, x, **options):
    """The file, and what predict says of x, as `launch.load` has it."""
    scale = scaling.fit_per_channel(x)
    task, batch = tasks.classification(model), {"x": scaling.apply(scale, x)}
    state = train.init(task, optax.sgd(0.1), jax.random.key(0), batch)
    about = export.save(
        path, task, state.params, state.model_state, input_shape=x.shape[1:],
        input_dtype=x.dtype.name, scaling=scale, **options,
    )  # fmt: skip
    return about, np.asarray(task.predict(state.params, state.model_state, batch))


def read(path):
    with zipfile.ZipFile(path) as file:
        return jax.export.deserialize(bytearray(file.read(export.MODEL)))


@pytest.mark.parametrize("name", MODELS)
def test_it_says_what_the_model_says_of_batches_of_any_size(tmp_path, name):
    about, logits = written(tmp_path / "it.zip", MODELS[name], IMAGES, classes="abc")
    found = read(tmp_path / "it.zip").call(IMAGES)
    close = {"rtol": 0, "atol": 1e-6 * np.abs(logits).max()}
    np.testing.assert_allclose(found["outputs"], logits, **close)
    powers = np.exp(logits.astype(np.float64))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(found["labels"], logits.argmax(axis=1))
    for size in (1, 2):
        few = read(tmp_path / "it.zip").call(IMAGES[:size])
        np.testing.assert_allclose(few["outputs"], logits[:size], **close)
    assert about["platforms"] == ["cpu", "cuda", "tpu"]
    assert about["outputs"]["probabilities"] == {"shape": ["batch", 3], "dtype": "float32"}


def test_inputs_are_scaled_to_the_bit_also_far_from_zero(tmp_path):
    """float32 could not tell these numbers, once their mean is taken off, from a few steps."""
    x = (RNG.normal(size=(1000, 3)) * [1, 10, 1000] + [0, 0, 1e8]).astype(np.float32)
    scale = scaling.fit_per_column(x)
    as_it_is = Task(None, None, lambda params, model_state, batch: batch["x"])
    export.save(tmp_path / "it.zip", as_it_is, {}, {}, input_shape=(3,), scaling=scale)
    expected = ((x.astype(np.float64) - scale.mean) / scale.scale).astype(np.float32)
    np.testing.assert_array_equal(read(tmp_path / "it.zip").call(x)["outputs"], expected)


def test_another_python_reads_it_with_jax_alone(tmp_path):
    """The code of the guide, where of all packages only JAX and what it needs can be found."""
    _, logits = written(tmp_path / "digits.zip", MODELS["mlp"], IMAGES, classes="abc")
    np.save(tmp_path / "images.npy", IMAGES)
    packages, home = tmp_path / "packages", Path(sysconfig.get_path("purelib"))
    packages.mkdir()
    for name in JAX_ALONE:
        origin = Path(sys.modules[name].__file__).parent if name in sys.modules else home / name
        (packages / name).symlink_to(origin)
        for libraries in origin.parent.glob(f"{name}.libs"):
            (packages / libraries.name).symlink_to(libraries)
    code = f"""
import importlib.util, sys
sys.path.append({str(packages)!r})
assert not any(map(importlib.util.find_spec, ("jaxdl", "flax", "optax", "safetensors")))
{reading()}
np.save("found.npy", found["outputs"])
"""
    subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), logits, rtol=0, atol=1e-5)


def reading():
    """The block of the guide that reads a file, with images of a file."""
    blocks = pages.blocks(pages.ROOT / "docs/pages/guides/export.md")
    (block,) = [block for block in blocks if 'ZipFile("digits.zip")' in block]
    return re.sub("(?m)^images = .*", 'images = np.load("images.npy")', block)


def test_it_says_nothing_of_the_machine_it_was_made_on(tmp_path):
    written(tmp_path / "it.zip", MODELS["mlp"], IMAGES)
    with zipfile.ZipFile(tmp_path / "it.zip") as file:
        assert sorted(file.namelist()) == [export.ABOUT, export.MODEL]
        content = file.read(export.MODEL) + file.read(export.ABOUT)
        json.loads(file.read(export.ABOUT))
    assert b".py" not in content
    assert str(Path.home()).encode() not in content
    assert jax.config.jax_traceback_in_locations_limit != 0  # as it was


def test_what_one_platform_cannot_do_is_left_to_the_others(tmp_path):
    """Of this factorization there is a kernel on CPUs and GPUs alone."""
    task = Task(None, None, lambda params, model_state, batch: jax.lax.linalg.schur(batch["x"])[0])
    about = export.save(tmp_path / "it.zip", task, {}, {}, input_shape=(2, 2))
    assert about["platforms"] == ["cpu"]
    x = RNG.normal(size=(5, 2, 2)).astype(np.float32)
    found = read(tmp_path / "it.zip").call(x)["outputs"]
    np.testing.assert_allclose(found, jax.lax.linalg.schur(x)[0], atol=1e-5)


class Square(nn.Module):
    """Works for one size of a batch alone."""

    @nn.compact
    def __call__(self, x):
        return x.reshape(3, 3, -1)


class Counting(nn.Module):
    """Works for any size of a batch, but not for one that is a symbol."""

    @nn.compact
    def __call__(self, x):
        return x.reshape(len(x), -1)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (Counting(), {}, r"the model asks len\(x\), .*: use x\.shape\[0\]"),
        (Square(), {}, r"inputs \(batch, 2\) of float32 cannot be predicted: .*divide evenly"),
        (nn.Dense(3), {"input_dtype": "float64"}, "inputs of float64: JAX has none"),
        (nn.Dense(3), {"input_dtype": "floaty"}, "'floaty' is no dtype"),
        (nn.Dense(3), {"classes": "ab"}, r"2 classes, of outputs \['batch', 3\]"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(tmp_path, model, options, message):
    task = tasks.regression(model)
    state = train.init(task, optax.sgd(0.1), jax.random.key(0), {"x": np.ones((9, 2), np.float32)})
    with pytest.raises(ValueError, match=message) as raised:
        export.save(tmp_path / "it.zip", task, state.params, {}, input_shape=(2,), **options)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "it.zip").exists()
