import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import initializers, stats, workloads
from jaxdl.params import paths
from jaxdl.workloads import NOT_MEASURED, WORKLOADS, Workload
from jaxdl.workloads._workload import CROSS_ENTROPY

FROM_TFDS = {"mnist_mlp": (28, 28, 1), "fmnist_2c2d": (28, 28, 1), "cifar10_3c3d": (32, 32, 3)}
HERE = [name for name in WORKLOADS if name not in FROM_TFDS]


def traced(workload, batch, kernel_init=None):
    """The shapes of params, and those of what a training step reports."""
    task = workload.task(kernel_init)

    def both(key):
        params, state = task.init(key, batch)
        _, (_, reported) = task.loss(params, state, batch, key, train=True)
        return params, reported

    return jax.eval_shape(both, jax.random.key(0))


@pytest.mark.parametrize("name", HERE)
def test_data_task_and_metric_of_a_workload_fit_together(name):
    workload = workloads.named(name)
    assert workload.name == name
    assert inspect.getdoc(getattr(WORKLOADS[name], "func", WORKLOADS[name]))
    data = workload.data()
    assert list(data) == ["train", "validation", "test"]
    batch = {part: array[: workload.batch_size] for part, array in data["train"].items()}
    assert len(next(iter(batch.values()))) == workload.batch_size
    _, reported = traced(workload, batch)
    assert {"loss", workload.metric} <= reported.keys()
    for part in ("validation", "test"):
        of_part = {array: data[part][array][0] for array in data[part]}
        assert of_part["mask"].shape == (len(next(iter(of_part.values()))),)
        assert {*batch} - {"start"} <= {*of_part}


@pytest.mark.parametrize("name", HERE)
def test_targets_are_declared_or_waiting_for_a_run(name):
    workload = workloads.named(name)
    assert workload.kind == stats.kind(f"test_{workload.metric}")
    declared = workload.source.startswith("declared: ")
    assert declared != (workload.source == workloads.RULE)
    assert workload.target is not NOT_MEASURED or not declared
    assert workload.steps % 4 == 0, "segments divide the budget"


def test_a_target_is_reached_from_the_side_that_is_better():
    loss = Workload("a", None, None, 1, 1, "loss", 0.5, "")
    np.testing.assert_array_equal(loss.reached(np.array([0.6, 0.5, np.nan])), [False, True, False])
    accuracy = Workload("b", None, None, 1, 1, "accuracy", 0.5, "")
    np.testing.assert_array_equal(accuracy.reached(np.array([0.6, 0.4])), [True, False])
    with pytest.raises(ValueError, match="the workload c has no target yet"):
        loss._replace(name="c", target=NOT_MEASURED).reached(0.1)


def test_a_wrong_name_is_answered_with_the_right_ones():
    with pytest.raises(ValueError, match=r"unknown workload 'digit', choose from .*digits_mlp"):
        workloads.named("digit")
    with pytest.raises(ValueError, match=r"cifar10_3c3d; did you mean ravine\?$"):
        workloads.named("ravin")


COUNTS = {
    # 784·1000 + 1000 + 1000·500 + 500 + 500·100 + 100 + 100·10 + 10
    "mnist_mlp": 1_336_610,
    # 25·32 + 32 + 25·32·64 + 64 + 3136·1024 + 1024 + 1024·10 + 10
    "fmnist_2c2d": 3_274_634,
    # 25·3·64 + 64 + 9·64·96 + 96 + 9·96·128 + 128 + 1152·512 + 512 + 512·256 + 256 + 256·10 + 10
    "cifar10_3c3d": 895_210,
}


@pytest.mark.parametrize("name", FROM_TFDS)
def test_networks_of_deepobs_have_its_shapes(name):
    workload = workloads.named(name)
    batch = {
        "x": np.zeros((2, *FROM_TFDS[name]), np.float32),
        "y": np.zeros(2, np.int32),
    }
    params, reported = traced(workload, batch)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == COUNTS[name]
    assert workload.metric in reported
    assert workload.steps == 100 * ((45_000 if name == "cifar10_3c3d" else 54_000) // 128)


@pytest.mark.parametrize("name", FROM_TFDS)
def test_a_set_that_is_not_prepared_is_one_line(name, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXDL_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"is not prepared in .*tfds build") as caught:
        workloads.named(name).data()
    assert "\n" not in str(caught.value)


WITH_WEIGHTS = ("breast_cancer", "topics", "digits_cnn", "char_rnn", "char_gpt")


def nothing(outputs, labels):
    return jnp.zeros(len(labels))


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_loss_is_taken_where_accuracy_is_measured(name):
    workload = workloads.named(name)
    if workload.metric != "accuracy":
        with pytest.raises(ValueError, match=f"{name} takes no loss: it is measured by its"):
            workload.made(loss=nothing)
        return
    assert inspect.signature(workload.task).parameters["loss"].default is CROSS_ENTROPY
    if name == "digits_mlp":
        task = workload.made(loss=nothing)
        batch = {key: array[:2] for key, array in workload.data()["train"].items()}
        params, state = task.init(jax.random.key(0), batch)
        value, (_, reported) = task.loss(params, state, batch, jax.random.key(0), train=True)
        assert value == 0
        assert set(reported) == {"loss", "accuracy"}


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_an_initializer_reaches_the_weights(name):
    workload = workloads.named(name)
    rows = workload.data()["train"]
    batch = {part: array[: workload.batch_size] for part, array in rows.items()}
    task = workload.task(initializers.constant(0.25))
    params = jax.jit(task.init)(jax.random.key(0), batch)[0]
    filled = [
        path
        for path, leaf in zip(paths(params), jax.tree.leaves(params), strict=True)
        if leaf.ndim > 1 and np.ptp(leaf) == 0
    ]
    assert filled
