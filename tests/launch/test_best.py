import json

import jax
import numpy as np
import optax
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from jaxdl import data, launch, tasks, train
from jaxdl.data.scaling import apply, fit_per_column
from jaxdl.launch import UserError
from jaxdl.models import MLP, TableNetwork

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(20, 3)) * [1, 10, 100] + 5).astype(np.float32)
SCALING = fit_per_column(X)
OPTIONS = {"features": (4,), "outputs": 2, "activation": "tanh"}


@pytest.fixture
def saved(tmp_path):
    batch = {"x": apply(SCALING, X), "y": np.zeros(20, np.int32)}
    task = tasks.classification(MLP((4,), 2, jax.numpy.tanh))
    state = train.init(task, optax.sgd(0.1), jax.random.key(0), batch)
    launch.save_best(
        tmp_path,
        state.params,
        state.model_state,
        SCALING,
        task="classification",
        model="mlp",
        options=OPTIONS,
        input_shape=(3,),
        test_accuracy=0.5,
    )
    return tmp_path, task.predict(state.params, state.model_state, batch), task


def test_a_loaded_model_predicts_from_raw_inputs_to_the_bit(saved):
    workdir, expected, _ = saved
    loaded = launch.load(workdir)
    np.testing.assert_array_equal(loaded.predict(X), expected)
    assert loaded.description["test_accuracy"] == 0.5
    assert len(repr(loaded)) < 300  # the facts, not the arrays


def test_a_workdir_that_is_not_there_is_made(tmp_path):
    workdir = tmp_path / "runs" / "mine"
    launch.save_best(workdir, {"kernel": np.ones((2, 3))}, task="mine", model="mine")
    np.testing.assert_array_equal(
        launch.load(workdir, lambda _: tasks.classification(MLP((), 3))).params["kernel"], 1
    )


@pytest.mark.parametrize("shape", [(), (3,), (20, 4), (20, 3, 1)])
def test_inputs_of_another_shape_are_one_line(saved, shape):
    loaded = launch.load(saved[0])
    with pytest.raises(ValueError, match=r"x has shape .*; the model takes \(B, 3\)"):
        loaded.predict(np.zeros(shape, np.float32))


def test_a_model_of_ones_own_is_built_by_the_caller(saved):
    workdir, expected, task = saved
    path = workdir / "best/model.json"
    path.write_text(path.read_text().replace('"mlp"', '"mine"'))
    with pytest.raises(UserError, match="model 'mine' is none of cnn, mlp, resnet, table"):
        launch.load(workdir)
    loaded = launch.load(workdir, build=lambda description: task)
    np.testing.assert_array_equal(loaded.predict(X), expected)


@pytest.mark.parametrize("damage", ["missing", "no model", "not json", "cut"])
def test_what_cannot_be_loaded_is_one_line(saved, damage):
    workdir = saved[0]
    folder = workdir / "best"
    if damage == "missing":
        workdir = workdir / "elsewhere"
    elif damage == "no model":
        (folder / "model.json").unlink()
    elif damage == "not json":
        (folder / "model.json").write_text("{")
    else:
        whole = (folder / "params.safetensors").read_bytes()
        (folder / "params.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="no trained model to load") as caught:
        launch.load(workdir)
    assert "\n" not in str(caught.value)


def test_the_file_is_plain_safetensors(saved):
    folder = saved[0] / "best"
    arrays = load_file(folder / "params.safetensors")
    assert {"params/Dense_0/kernel", "scaling/mean", "scaling/scale"} <= set(arrays)
    arrays["params/Dense_1/bias"] += 1
    save_file(arrays, folder / "params.safetensors")
    shifted = launch.load(saved[0]).predict(X)
    np.testing.assert_allclose(shifted, saved[1] + 1, rtol=1e-5)
    assert json.loads((folder / "model.json").read_text())["options"]["features"] == [4]


@pytest.mark.parametrize("array", [X, X.T, X[::2, ::-1], np.asfortranarray(X)])
def test_arrays_that_need_no_task_are_read_with_their_description(tmp_path, array):
    """In whatever order they lie in memory, which safetensors writes as it finds it."""
    launch.save_best(tmp_path, {"input": array}, task="word2vec", model="vectors", words=("a", "b"))
    description, tree = launch.read_best(tmp_path)
    np.testing.assert_array_equal(tree["params"]["input"], array)
    assert description["words"] == ["a", "b"]
    assert description["input_shape"] is None


def _table(count, seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"size": rng.normal(7, 3, count), "kind": rng.choice(["fir", "oak", None], count)}
    )
    return frame.assign(price=1000 * frame["size"] + 5 * rng.normal(size=count))


@pytest.mark.parametrize(("target", "task"), [("kind", "classification"), ("price", "regression")])
def test_a_model_of_a_table_answers_raw_rows_in_the_words_of_the_data(tmp_path, target, task):
    frame = _table(60, 0).dropna(subset=target)
    batches, preparation = data.read(frame, target)
    options = {"sizes": preparation.sizes, "outputs": preparation.outputs, "features": (4,)}
    made = tasks.TASKS[task](TableNetwork(**options))
    state = train.init(made, optax.sgd(0.1), jax.random.key(0), batches["train"])
    launch.save_best(
        tmp_path, state.params, task=task, model="table", options=options, preparation=preparation
    )
    loaded, new = launch.load(tmp_path), _table(9, 1)[["kind", "price", "size"]]
    raw = new.drop(columns=target)
    outputs = made.predict(state.params, {}, {"x": preparation.prepare(raw)})
    np.testing.assert_array_equal(loaded.predict(raw), outputs)
    found = loaded.labels(new.assign(more=0))
    np.testing.assert_array_equal(found, preparation.labels(outputs))
    assert set(found) <= {"fir", "oak"} if target == "kind" else 1000 < abs(found).mean() < 20000
    assert json.loads((tmp_path / "best/preparation.json").read_text())["target"]["names"]


def test_a_preparation_that_is_damaged_or_not_there_is_one_line(saved):
    workdir = saved[0]
    with pytest.raises(ValueError, match="saved without its preparation"):
        launch.load(workdir).labels(X)
    for text in ("{", "[]", '{"target": {}}', '{"target": {"names": ["y"]}}'):
        (workdir / "best/preparation.json").write_text(text)
        with pytest.raises(UserError, match=r"preparation\.json cannot be read") as caught:
            launch.load(workdir)
        assert "\n" not in str(caught.value)
