import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.metrics

from jaxdl import losses, sweep, tasks, train
from jaxdl.data.batches import padded_batches
from jaxdl.layers.cells import ELMAN
from jaxdl.layers.recurrent import RNN
from jaxdl.models import Transducer

KEY = jax.random.key(0)
X = np.array([[1, 2], [3, 4], [0, 1]], np.float32)


def test_the_loss_is_the_mean_of_the_squares():
    task = tasks.regression(nn.Dense(1))
    batch = {"x": X, "y": np.array([[1], [0], [2]], np.float32)}

    @jax.jit
    def run():
        params, model_state = task.init(KEY, batch)
        return params, task.loss(params, model_state, batch, KEY, train=True)[0]

    params, found = jax.device_get(run())
    expected = np.square(X @ params["kernel"] - batch["y"]).mean()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 1, 1)])
def test_targets_that_would_be_broadcast_are_refused(shape):
    task = tasks.regression(nn.Dense(1))
    batch = {"x": X, "y": np.zeros(shape, np.float32)}
    params = {"kernel": np.ones((2, 1), np.float32), "bias": np.ones(1, np.float32)}
    with pytest.raises(ValueError, match="give the targets as"):
        jax.eval_shape(lambda: task.loss(params, {}, batch, KEY, train=True))


def test_a_loss_may_take_its_pick_of_what_a_model_gives():
    model = Transducer(1, RNN(3, ELMAN))
    x = np.ones((2, 5, 1), np.float32)
    picked = tasks.regression(model, loss=lambda found, y: jnp.square(found[1] - y))
    batch = {"x": x, "y": x}

    @jax.jit
    def both():
        params, state = picked.init(KEY, batch)
        outputs = model.apply({"params": params}, x)[1]
        return picked.loss(params, state, batch, KEY, train=True)[0], outputs

    found, outputs = jax.device_get(both())
    np.testing.assert_allclose(found, np.square(outputs - x).mean(), rtol=1e-6)


SKLEARN = {
    "r2": sklearn.metrics.r2_score,
    "rmse": sklearn.metrics.root_mean_squared_error,
    "mae": sklearn.metrics.mean_absolute_error,
}
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(37, 2)).astype(np.float32)
NOISE = RNG.normal(size=(37, 3))
ANSWERS = (INPUTS @ RNG.normal(size=(2, 3)) * [1, 2, 5] + NOISE).astype(np.float32)


class Single(nn.Module):
    """A number for each example, `[B]`."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x)[..., 0]


@pytest.mark.parametrize("columns", [0, 1, 3])
def test_the_metrics_are_those_of_scikit_learn_however_the_batches_are_cut(columns):
    model, y = (nn.Dense(columns), ANSWERS[:, :columns]) if columns else (Single(), ANSWERS[:, 0])
    scale = np.array([1.0, 10.0, 100.0])[: columns or 1]
    task = tasks.regression(model, scale=scale if columns else 1.0)
    state = train.init(task, optax.sgd(0.1), KEY, {"x": INPUTS, "y": y})
    cut = [slice(0, 1), slice(1, 20), slice(20, 37)]  # R² of a single example is NaN by itself
    found = train.evaluate(task, state, [{"x": INPUTS[rows], "y": y[rows]} for rows in cut])
    predicted = np.asarray(task.predict(state.params, {}, {"x": INPUTS}))
    assert set(found) == {"loss", *SKLEARN}
    for name, measure in SKLEARN.items():
        assert found[name] == pytest.approx(measure(y * scale, predicted * scale), rel=1e-5)


def test_a_sweep_reports_them_of_padded_batches():
    task = tasks.regression(nn.Dense(3))
    run = sweep.make_run(sweep.by_rate(task, optax.sgd), steps=1, batch_size=4)
    train_rows = {"x": INPUTS, "y": ANSWERS}
    data = {"train": train_rows, "test": padded_batches(train_rows, 8)}
    point = {"learning_rate": 0.1}

    @jax.jit
    def measured():
        state = run.init(point, KEY, data)
        predicted = task.predict(state.params, {}, {"x": INPUTS})
        return run.evaluate(point, state, data), predicted

    found, predicted = jax.device_get(measured())
    for name, measure in SKLEARN.items():
        assert found[f"test_{name}"] == pytest.approx(measure(ANSWERS, predicted), rel=1e-5)


def test_quantiles_have_their_loss_and_a_point():
    levels, y = [0.1, 0.5, 0.9], ANSWERS[:, 0]
    batch = {"x": INPUTS, "y": y}
    task = tasks.regression(
        nn.Dense(3), loss=lambda found, y: losses.pinball(found, y, levels), point=lambda q: q[:, 1]
    )
    params, _ = task.init(KEY, batch)
    predicted = np.asarray(task.predict(params, {}, batch))
    found = train.mean(task.loss(params, {}, batch, KEY, train=False)[1][1])
    expected = np.mean([
        sklearn.metrics.mean_pinball_loss(y, predicted[:, column], alpha=level)
        for column, level in enumerate(levels)
    ])  # fmt: skip
    assert float(found["loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(found["mae"]) == pytest.approx(SKLEARN["mae"](y, predicted[:, 1]), rel=1e-5)


def test_huber_is_a_loss_of_it():
    batch = {"x": INPUTS, "y": ANSWERS}
    task = tasks.regression(nn.Dense(3), loss=losses.huber)
    params, _ = task.init(KEY, batch)
    errors = abs(np.asarray(task.predict(params, {}, batch)) - ANSWERS)
    expected = np.where(errors <= 1, errors**2 / 2, errors - 0.5).mean()
    assert float(task.loss(params, {}, batch, KEY, train=True)[0]) == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize("unit", [1e-22, 1e25])
def test_errors_are_told_in_units_whose_squares_are_beyond_float32(unit):
    task = tasks.regression(tasks.from_functions(lambda key, x: x[0], lambda p, x: x), scale=unit)
    batch = {"x": ANSWERS, "y": ANSWERS + NOISE.astype(np.float32)}
    found = train.mean(task.loss(ANSWERS[0], {}, batch, KEY, train=False)[1][1])
    for name in ("rmse", "mae"):
        expected = unit * SKLEARN[name](batch["y"], ANSWERS)
        np.testing.assert_allclose(found[name], expected, rtol=1e-5)
