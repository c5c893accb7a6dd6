import zipfile

import jax
import numpy as np
import optax
import pandas as pd
import pytest
from support import pages

from jaxdl import console, data, launch, tasks, train
from jaxdl.data.scaling import apply, fit_per_column
from jaxdl.launch import UserError
from jaxdl.models import MLP, TableNetwork

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(20, 3)) * [1, 10, 100] + 5).astype(np.float32)


@pytest.fixture
def workdir(tmp_path):
    scaling = fit_per_column(X)
    task = tasks.classification(MLP((4,), 2))
    state = train.init(task, optax.sgd(0.1), jax.random.key(0), {"x": apply(scaling, X)})
    launch.save_best(
        tmp_path,
        state.params,
        state.model_state,
        scaling,
        task="classification",
        model="mlp",
        options={"features": (4,), "outputs": 2, "activation": "relu"},
        input_shape=(3,),
        test_accuracy=0.5,
    )
    return tmp_path


def test_the_command_writes_what_the_loaded_model_predicts(workdir, capsys):
    path = workdir / "mlp.zip"
    assert console.main(["export", str(workdir), "--to", str(path)]) == 0
    assert "mlp for classification" in capsys.readouterr().out
    with zipfile.ZipFile(path) as file:
        model = jax.export.deserialize(bytearray(file.read("model.jax_export")))
    expected, found = launch.load(workdir).predict(X), model.call(X)
    np.testing.assert_allclose(found["outputs"], expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found["labels"], np.argmax(expected, axis=1))


def test_it_says_which_model_it_is(workdir):
    about = launch.export(workdir, workdir / "mlp.zip", input_dtype="int32")
    assert about["input"] == {"shape": ["batch", 3], "dtype": "int32"}
    assert about["classes"] == ["0", "1"]
    assert about["of"]["test_accuracy"] == 0.5
    np.testing.assert_allclose(about["scaling"]["mean"], X.mean(axis=0, dtype=np.float64))


@pytest.mark.parametrize("what", ["nothing there", "no folder", "no shape"])
def test_what_is_missing_is_one_line(workdir, tmp_path, capsys, what):
    run, to = {
        "nothing there": (tmp_path / "none", tmp_path / "x.zip"),
        "no folder": (workdir, tmp_path / "none/x.zip"),
        "no shape": (workdir, tmp_path / "x.zip"),
    }[what]
    if what == "no shape":
        path = workdir / "best/model.json"
        path.write_text(
            path.read_text().replace('"input_shape": [\n    3\n  ]', '"input_shape": null')
        )
    assert console.main(["export", str(run), "--to", str(to)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    with pytest.raises(UserError):
        launch.export(run, to)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_model_of_arrays_has_the_shape_and_the_scaling_of_its_preparation(tmp_path, kind):
    y = np.arange(20) % 2 if kind == "classification" else X[:, 1].astype(np.float64)
    parts, preparation = data.read({"x": X, "y": y})
    options = {"features": (4,), "outputs": preparation.outputs}
    task = getattr(tasks, kind)(MLP(**options))
    state = train.init(task, optax.sgd(0.1), jax.random.key(0), parts["train"])
    launch.save_best(
        tmp_path, state.params, task=kind, model="mlp", options=options, preparation=preparation
    )
    about = launch.export(tmp_path, tmp_path / "mlp.zip")
    with zipfile.ZipFile(tmp_path / "mlp.zip") as file:
        found = jax.export.deserialize(bytearray(file.read("model.jax_export"))).call(X)
    loaded = launch.load(tmp_path)
    np.testing.assert_allclose(found["outputs"], loaded.predict(X), rtol=0, atol=1e-6)
    if kind == "classification":
        names = np.array(about["classes"])[found["labels"]]
        np.testing.assert_array_equal(names, loaded.labels(X).astype(str))
    else:
        of = about["of"]["target"]
        numbers = (np.float64(found["outputs"]) * of["scale"] + of["mean"])[:, 0]
        np.testing.assert_allclose(numbers, loaded.labels(X), atol=1e-4)


GUIDE = pages.ROOT / "docs/pages/guides/export.md"
READING = next(block for block in pages.blocks(GUIDE) if "def rows" in block)


@pytest.mark.filterwarnings("ignore:column")  # of what training has not seen
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_raw_rows_of_a_table_are_predicted_without_jaxdl_as_the_guide_says(tmp_path, kind):
    frame = pd.DataFrame({
        "age": np.where(RNG.random(60) < 0.2, np.nan, RNG.normal(40, 9, 60)),
        "zone": np.where(RNG.random(60) < 0.2, np.nan, RNG.integers(1, 4, 60)),
        "wet": RNG.random(60) < 0.5,
        "soil": RNG.choice(["lime", "sand", "moor"], 60),
        "height": RNG.normal(size=60),
    })  # fmt: skip
    y = np.where(frame["wet"], "oak", "fir") if kind == "classification" else RNG.normal(5, 3, 60)
    _, preparation = data.read(frame.assign(y=y), "y", categories=["zone"])
    options = {"sizes": preparation.sizes, "outputs": preparation.outputs, "features": (8,)}
    task = getattr(tasks, kind)(TableNetwork(**options))
    x = preparation.prepare(frame)
    state = train.init(task, optax.sgd(0.1), jax.random.key(0), {"x": x})
    launch.save_best(
        tmp_path, state.params, task=kind, model="table", options=options, preparation=preparation
    )
    with pytest.raises(launch.UserError, match="rows of a table are float32, no int32"):
        launch.export(tmp_path, tmp_path / "trees.zip", input_dtype="int32")
    about = launch.export(tmp_path, tmp_path / "trees.zip")
    assert about["input"] == {"shape": ["batch", 6], "dtype": "float32"}
    assert "target" not in about["of"]["columns"]  # it stands beside them
    new = frame.iloc[::-1].assign(soil=["clay", *frame["soil"][1:]])
    new.loc[3, ["age", "zone", "soil", "height"]] = None
    new.to_csv(tmp_path / "new.csv")
    code = "import sys\nsys.modules['jaxdl'] = None\n" + READING.rsplit("print", 1)[0]
    code += "np.savez('found.npz', x=rows(pd.read_csv('new.csv')), **found)"
    pages.run(code, tmp_path)
    loaded = launch.load(tmp_path)
    found = np.load(tmp_path / "found.npz")
    np.testing.assert_array_equal(found["x"], preparation.prepare(new))
    np.testing.assert_allclose(found["outputs"], loaded.predict(new), rtol=0, atol=1e-6)
    if kind == "classification":
        names = np.array(about["classes"])[found["labels"]]
        np.testing.assert_array_equal(names, loaded.labels(new))
    else:
        of = about["of"]["target"]
        numbers = (np.float64(found["outputs"]) * of["scale"] + of["mean"])[:, 0]
        np.testing.assert_allclose(numbers, loaded.labels(new), atol=1e-5)
    found.close()
