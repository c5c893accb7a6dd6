import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks
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
