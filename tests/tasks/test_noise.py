import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxdl import tasks
from jaxdl.data import augmentation
from jaxdl.tasks import noise

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
BATCH = {
    "x": RNG.uniform(size=(6, 4, 4, 1)).astype(np.float32),
    "y": np.array([0, 1, 2, 0, 1, 2], np.int32),
}


class Linear(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(x.reshape(len(x), -1))


PLAIN = tasks.classification(Linear())
SOFT = noise.soft_classification(Linear(), 3)
PARAMS, _ = jax.jit(PLAIN.init)(KEY, BATCH)


@functools.partial(jax.jit, static_argnames=("task", "train"))
def measured(task, key=KEY, train=True):
    return task.loss(PARAMS, {}, BATCH, key, train=train)


def loss(task, **options):
    return float(measured(task, **options)[0])


def test_a_soft_task_of_plain_labels_is_the_plain_task():
    value, (_, metrics) = measured(SOFT)
    expected, (_, plain) = measured(PLAIN)
    assert float(value) == pytest.approx(float(expected), rel=1e-6)
    np.testing.assert_array_equal(metrics["accuracy"], plain["accuracy"])


def test_smoothing_by_hand_and_in_training_only():
    task = noise.in_training(SOFT, lambda b, key: noise.smooth_labels(b, 3, 0.3))
    logits = np.asarray(jax.jit(PLAIN.predict)(PARAMS, {}, BATCH), np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    # 0.7 of the label and 0.1 of each of the three classes.
    by_hand = -(0.7 * log_p[np.arange(6), BATCH["y"]] + 0.1 * log_p.sum(axis=1)).mean()
    assert loss(task) == pytest.approx(by_hand, rel=1e-5)
    assert loss(task, train=False) == loss(SOFT, train=False)


def test_a_change_gets_another_key_each_step_and_none_in_evaluation():
    brighter = functools.partial(augmentation.brightness, amount=0.5)
    task = noise.in_training(PLAIN, lambda b, key: augmentation.augment(b, key, [brighter]))
    assert loss(task) == loss(task)
    assert loss(task) != loss(task, key=jax.random.key(1))
    assert loss(task, train=False) == loss(PLAIN, train=False)


def test_weight_noise_moves_each_weight_by_a_normal_number():
    seen = []

    def record(params, model_state, batch, key, *, train):
        seen.append(params)
        return PLAIN.loss(params, model_state, batch, key, train=train)

    noise.weight_noise(PLAIN._replace(loss=record), 0.1).loss(PARAMS, {}, BATCH, KEY, train=True)
    noise.weight_noise(PLAIN._replace(loss=record), 0.1).loss(PARAMS, {}, BATCH, KEY, train=False)
    moved = jax.tree.map(lambda a, b: (np.asarray(a) - np.asarray(b)) / 0.1, seen[0], PARAMS)[
        "Dense_0"
    ]
    values = np.concatenate([moved["kernel"].ravel(), moved["bias"]])
    assert abs(values.mean()) < 5 / np.sqrt(values.size)
    assert abs(values.std() - 1) < 5 / np.sqrt(2 * values.size)
    assert len(np.unique(values.round(4))) > 48
    assert seen[1] is PARAMS


def test_a_traced_strength_of_zero_is_the_task_as_it_was():
    values = jax.jit(
        jax.vmap(
            lambda sigma: noise.weight_noise(PLAIN, sigma).loss(PARAMS, {}, BATCH, KEY, train=True)[
                0
            ]
        )
    )(np.array([0.0, 0.5], np.float32))
    assert float(values[0]) == pytest.approx(loss(PLAIN), rel=1e-6)
    assert abs(float(values[1] - values[0])) > 1e-3


def test_labels_are_flipped_to_each_other_class_alike():
    labels = np.ones(6000, np.int32)
    flip = jax.jit(lambda p: noise.flip_labels({"y": labels}, KEY, 4, p)["y"])
    shares = np.bincount(flip(0.3), minlength=4) / 6000
    np.testing.assert_allclose(shares, [0.1, 0.7, 0.1, 0.1], atol=5 * np.sqrt(0.21 / 6000))
    np.testing.assert_array_equal(flip(0.0), labels)
    assert not (flip(1.0) == labels).any()
    assert flip(0.3).dtype == labels.dtype


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32, jnp.bfloat16, jnp.float16])
def test_weight_noise_is_normal_in_every_dtype(dtype):
    """Around 0 nothing is rounded away: the deviation, and the tails beyond three of them."""
    seen = []

    def record(params, model_state, batch, key, *, train):
        seen.append(params)
        return jnp.zeros(()), (model_state, {})

    with jax.enable_x64(dtype == jnp.float64):
        weights = {"w": jnp.zeros((300, 200), dtype)}
        task = noise.weight_noise(PLAIN._replace(loss=record), 0.25)
        task.loss(weights, {}, BATCH, KEY, train=True)
    assert seen[0]["w"].dtype == dtype
    z = np.asarray(seen[0]["w"], np.float64) / 0.25
    share = 0.0026998
    assert abs((abs(z) > 3).mean() - share) < 5 * np.sqrt(share / z.size)
    assert abs(z.std() - 1) < 5 / np.sqrt(2 * z.size)


@pytest.mark.parametrize(("dtype", "classes"), [("int8", 120), ("uint8", 200), ("int32", 200)])
def test_labels_of_every_width_are_flipped_to_each_other_class_alike(dtype, classes):
    """The sum of two labels is beyond what 8 bits hold, and then another class."""
    labels = np.full(60_000, classes - 10, dtype)
    flip = jax.jit(lambda labels: noise.flip_labels({"y": labels}, KEY, classes, 1.0)["y"])
    flipped = flip(labels)
    assert flipped.dtype == dtype
    counts = np.bincount(np.asarray(flipped), minlength=classes)
    assert counts[classes - 10] == 0
    others = np.delete(counts, classes - 10)
    assert chisquare(others).pvalue > 1e-5


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_a_small_probability_of_any_dtype_flips_labels(dtype):
    labels = np.zeros(100_000, np.int32)
    flip = jax.jit(lambda p: noise.flip_labels({"y": labels}, KEY, 4, p)["y"])
    flipped = np.asarray(flip(dtype(0.001)))
    expected = 100_000 * float(dtype(0.001))
    assert abs(int((flipped != 0).sum()) - expected) < 5 * np.sqrt(expected)
