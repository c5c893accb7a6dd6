from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import dropping

from jaxdl import tasks
from jaxdl.models import MLP

KEY = jax.random.key(0)
X = np.random.default_rng(0).standard_normal((5, 8, 8, 1), np.float32)


def test_equals_the_formula_row_by_row():
    model = MLP((7, 6), 3, activation=jnp.tanh, bias_init=nn.initializers.normal(1.0))
    found, variables = jax.device_get(
        jax.jit(lambda: model.init_with_output(KEY, X, train=False))()
    )
    h = np.asarray(X, np.float64).reshape(5, 64)
    layers = [variables["params"][f"Dense_{i}"] for i in range(3)]
    for layer in layers[:2]:
        h = np.tanh(h @ layer["kernel"] + layer["bias"])
    expected = h @ layers[2]["kernel"] + layers[2]["bias"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_hidden_layer_is_linear():
    model = MLP((), 3)
    inputs = np.concatenate([X[:2], X[:1] + X[1:2]])
    one, two, both = jax.jit(lambda: model.init_with_output(KEY, inputs, train=False)[0])()
    np.testing.assert_allclose(both, one + two, atol=1e-4)  # biases start at 0


@pytest.mark.parametrize("train", [True, False])
def test_dropout_acts_in_training_only(train):
    assert dropping.alike(MLP((64,), 3, dropout=0.5), X, train) is not train


def test_outputs_loss_and_gradients_are_those_of_torch():
    """Weights copied over; renew the golden with tests/goldens/make_mlp.py (`make goldens`)."""
    with np.load(Path(__file__).parents[1] / "goldens/mlp.npz") as file:
        golden = {name: file[name].astype(np.float32) for name in file.files}
    params = {
        f"Dense_{i}": {"kernel": golden[f"kernel_{i}"], "bias": golden[f"bias_{i}"]}
        for i in range(3)
    }
    task = tasks.classification(MLP((7, 6), 3))
    batch = {"x": golden["x"], "y": golden["y"].astype(np.int32)}

    @jax.jit
    def run(params):
        found = jax.value_and_grad(lambda p: task.loss(p, {}, batch, KEY, train=True)[0])(params)
        return task.predict(params, {}, batch), *found

    logits, loss, gradients = run(params)
    np.testing.assert_allclose(logits, golden["logits"], rtol=1e-5)
    np.testing.assert_allclose(loss, golden["loss"], rtol=1e-5)
    for i in range(3):
        for name in ("kernel", "bias"):
            ours, theirs = gradients[f"Dense_{i}"][name], golden[f"{name}_gradient_{i}"]
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
