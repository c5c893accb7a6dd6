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
X = jnp.array([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]])


def test_the_loss_is_the_mean_of_the_squares():
    task = tasks.regression(nn.Dense(1))
    y = jnp.array([[1.0], [0.0], [2.0]])
    params, model_state = task.init(KEY, {"x": X, "y": y})
    found, _ = task.loss(params, model_state, {"x": X, "y": y}, KEY, train=True)
    expected = np.square(np.asarray(X) @ np.asarray(params["kernel"]) - np.asarray(y)).mean()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 1, 1)])
def test_targets_that_would_be_broadcast_are_refused(shape):
    task = tasks.regression(nn.Dense(1))
    batch = {"x": X, "y": jnp.zeros(shape)}
    params = {"kernel": jnp.ones((2, 1)), "bias": jnp.ones(1)}
    with pytest.raises(ValueError, match="give the targets as"):
        task.loss(params, {}, batch, KEY, train=True)


def test_a_loss_may_take_its_pick_of_what_a_model_gives():
    model = Transducer(1, RNN(3, ELMAN))
    x = jnp.ones((2, 5, 1))
    picked = tasks.regression(model, loss=lambda found, y: jnp.square(found[1] - y))
    batch = {"x": x, "y": x}
    params, state = picked.init(KEY, batch)
    found, _ = picked.loss(params, state, batch, KEY, train=True)
    outputs = model.apply({"params": params}, x)[1]
    np.testing.assert_allclose(found, jnp.square(outputs - x).mean(), rtol=1e-6)
