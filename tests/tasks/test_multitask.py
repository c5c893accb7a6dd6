import jax
import numpy as np
import pytest

from jaxdl import losses, metrics, train
from jaxdl.models import MLP, Head, SharedTrunk
from jaxdl.params import by_path
from jaxdl.tasks import Objective, classification, multitask

KEY = jax.random.key(0)
GENERATOR = np.random.default_rng(0)
BATCH = {
    "x": GENERATOR.normal(size=(6, 4)).astype(np.float32),
    "y_main": np.array([0, 1, 2, 0, 1, 2], np.int32),
    "y_extra": GENERATOR.normal(size=(6, 2)).astype(np.float32),
    "mask_main": np.array([1, 1, 0, 0, 1, 0], np.float32),
    "mask_extra": np.array([0, 1, 1, 1, 0, 1], np.float32),
}
MODEL = SharedTrunk((5,), {"main": Head(3, 1), "extra": Head(2, 1)})


def task_of(main, extra):
    return multitask(
        MODEL,
        {
            "main": Objective(losses.softmax_cross_entropy, main, accuracy),
            "extra": Objective(losses.squared_error, extra),
        },
    )


def accuracy(outputs, y, weights):
    return {"accuracy": metrics.accuracy(outputs, y, weights)}


@jax.jit
def gradient(params, batch, main, extra):
    task = task_of(main, extra)
    return jax.value_and_grad(task.loss, has_aux=True)(params, {}, batch, KEY, train=True)


@pytest.fixture(scope="module")
def params():
    return jax.jit(lambda: task_of(1.0, 1.0).init(KEY, BATCH)[0])()


def test_loss_is_the_weighted_sum_of_the_heads_means(params):
    (loss, (_, found)), _ = gradient(params, BATCH, 2.0, 0.5)

    @jax.jit
    def by_hand():
        outputs = MODEL.apply({"params": params}, BATCH["x"], train=False)
        nats = losses.softmax_cross_entropy(outputs["main"], BATCH["y_main"])
        return outputs, nats, losses.squared_error(outputs["extra"], BATCH["y_extra"])

    outputs, nats, squares = jax.device_get(by_hand())
    squares = squares.mean(axis=1)
    main, extra = nats[np.array([0, 1, 4])].mean(), squares[np.array([1, 2, 3, 5])].mean()
    np.testing.assert_allclose(loss, 2 * main + 0.5 * extra, rtol=1e-6)
    means = train.mean(found)
    expected = {"loss": loss, "main_loss": main, "extra_loss": extra}
    for name, value in expected.items():
        np.testing.assert_allclose(means[name], value, rtol=1e-6)
    right = np.argmax(np.asarray(outputs["main"]), axis=-1) == BATCH["y_main"]
    np.testing.assert_allclose(means["main_accuracy"], right[[0, 1, 4]].mean())


@pytest.mark.parametrize(("main", "extra", "other"), [(1.0, 0.0, "extra"), (0.0, 1.0, "main")])
def test_a_heads_loss_reaches_the_trunk_and_that_head_only(params, main, extra, other):
    _, found = gradient(params, BATCH, main, extra)
    still = jax.tree.map(lambda leaf: not np.any(leaf), found)
    assert still == by_path(params, f"head_{other}")


def test_one_head_alone_is_the_plain_task(params):
    plain = {
        "Dense_0": params["trunk_0"],
        "Dense_1": params["head_main"],
    }
    batch = {"x": BATCH["x"], "y": BATCH["y_main"], "mask": BATCH["mask_main"]}
    task = classification(MLP((5,), 3))
    expected = jax.jit(jax.grad(lambda p: task.loss(p, {}, batch, KEY, train=True)[0]))(plain)
    _, found = gradient(params, BATCH, 1.0, 0.0)
    for ours, theirs in (("trunk_0", "Dense_0"), ("head_main", "Dense_1")):
        for name in ("kernel", "bias"):
            np.testing.assert_allclose(
                found[ours][name], expected[theirs][name], rtol=1e-5, atol=1e-7
            )


def test_a_missing_label_and_a_padded_example_change_nothing(params):
    padded = {name: np.concatenate([array, array[:2]]) for name, array in BATCH.items()}
    padded["x"][6:] = np.nan
    padded["y_extra"][np.array([0, 4, 6, 7])] = np.nan
    padded["y_main"][2:4] = 99
    padded["mask"] = np.array([1, 1, 1, 1, 1, 1, 0, 0], np.float32)
    ours, theirs = gradient(params, padded, 1.0, 1.0), gradient(params, BATCH, 1.0, 1.0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, theirs)


def test_a_batch_without_labels_for_a_head_does_not_train_it(params):
    _, found = gradient(params, {**BATCH, "mask_main": np.zeros(6, np.float32)}, 1.0, 1.0)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(found["head_main"]))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
