import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import MLP

KEY = jax.random.key(0)
X = jax.random.normal(KEY, (5, 8, 8, 1))


def test_equals_the_formula_row_by_row():
    model = MLP((7, 6), 3, activation=jnp.tanh, bias_init=nn.initializers.normal(1.0))
    variables = model.init(KEY, X, train=False)
    h = np.asarray(X, np.float64).reshape(5, 64)
    layers = [jax.device_get(variables["params"][f"Dense_{i}"]) for i in range(3)]
    for layer in layers[:2]:
        h = np.tanh(h @ layer["kernel"] + layer["bias"])
    expected = h @ layers[2]["kernel"] + layers[2]["bias"]
    np.testing.assert_allclose(model.apply(variables, X, train=False), expected, atol=1e-5)


def test_no_hidden_layer_is_linear():
    model = MLP((), 3)
    variables = model.init(KEY, X, train=False)
    both = model.apply(variables, X[:1] + X[1:2], train=False)
    apart = model.apply(variables, X[:2], train=False).sum(axis=0)  # biases start at 0
    np.testing.assert_allclose(both[0], apart, atol=1e-4)


@pytest.mark.parametrize("train", [True, False])
def test_dropout_acts_in_training_only(train):
    model = MLP((64,), 3, dropout=0.5)
    variables = model.init(KEY, X, train=False)
    outputs = [
        model.apply(variables, X, train=train, rngs={"dropout": jax.random.key(seed)})
        for seed in (1, 2)
    ]
    assert bool((outputs[0] == outputs[1]).all()) is not train
