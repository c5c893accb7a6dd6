"""The diagonals of a deep network against its layers one after the other, in double precision."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.cells import CELLS, ELMAN, LSTM
from jaxdl.layers.recurrent import RNN, Stack
from jaxdl.layers.wavefront import Wavefront, stacked

B, T, H, L = 2, 4, 3, 3
KEY = jax.random.key(0)
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], np.float32)


def objective(body, params, x, carry, mask):
    after, y = body.apply({"params": params}, x, carry, mask)
    weights = jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
    states = sum((number + 1) * leaf.sum() for number, leaf in enumerate(jax.tree.leaves(after)))
    return (weights * y).sum() + states, (after, y)


def drawn(cell, rng):
    x = jnp.asarray(rng.standard_normal((B, T, H)))
    layers = Stack([RNN(H, cell) for _ in range(L)])
    shapes = jax.eval_shape(layers.init, KEY, x)["params"]
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)), shapes)
    carry = tuple(
        tuple(jnp.asarray(rng.standard_normal((B, H))) for _ in range(cell.states))
        for _ in range(L)
    )
    return layers, params, x, carry


@pytest.mark.parametrize(("name", "mask"), [("lstm", None), *((name, MASK) for name in CELLS)])
def test_equals_layer_by_layer_with_all_gradients(name, mask):
    """With a carry to begin with."""
    cell = CELLS[name]
    with jax.enable_x64(True):
        layers, *arguments = drawn(cell, np.random.default_rng(0))

        def along_diagonals(params, x, carry):
            return objective(Wavefront(H, L, cell), stacked(params), x, carry, mask)

        def layer_by_layer(params, x, carry):
            return objective(layers, params, x, carry, mask)

        ours, theirs = jax.jit(
            lambda *arguments: [
                jax.value_and_grad(way, (0, 1, 2), has_aux=True)(*arguments)
                for way in (along_diagonals, layer_by_layer)
            ]
        )(*arguments)
        chex.assert_trees_all_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_nothing_depends_on_padding():
    body = Wavefront(H, L)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((B, T, H)).astype(np.float32)
    params = jax.jit(body.init)(KEY, x)["params"]
    run = jax.jit(
        lambda x: jax.value_and_grad(
            lambda params, x: objective(body, params, x, None, MASK), (0, 1), has_aux=True
        )(params, x)
    )
    other = np.where(MASK[..., None] > 0, x, np.nan)
    found = jax.device_get(run(x))
    chex.assert_trees_all_equal(found, jax.device_get(run(other)))
    np.testing.assert_array_equal(found[0][1][1][MASK == 0], 0)


@pytest.mark.parametrize(("length", "layers"), [(5, 1), (5, 4), (1, 4)])
def test_takes_as_many_steps_as_there_are_diagonals(length, layers):
    body = Wavefront(H, layers, ELMAN)
    x = jnp.zeros((B, length, H))
    variables = jax.eval_shape(body.init, KEY, x)
    jaxpr = jax.make_jaxpr(body.apply)(variables, x)
    lengths = [e.params["length"] for e in jaxpr.jaxpr.eqns if e.primitive.name == "scan"]
    assert lengths == [length + layers - 1]


def test_starts_as_its_layers_do():
    x = np.zeros((1, 1, H), np.float32)
    both = [jax.jit(body.init)(KEY, x) for body in (Wavefront(H, 50, LSTM), RNN(H, LSTM))]
    params, one = (variables["params"] for variables in jax.device_get(both))
    assert jax.tree.map(jnp.shape, params) == {k: (50, *v.shape) for k, v in one.items()}
    np.testing.assert_array_equal(params["bias"], np.tile(one["bias"], (50, 1)))
    np.testing.assert_allclose(params["kernel"].std() * np.sqrt(H), 1, atol=0.1)
    gates = params["recurrent_kernel"].reshape(50, H, 4, H)
    products = np.einsum("lhgi,lhgj->lgij", gates, gates)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(H), products.shape), atol=1e-5)
    assert not np.allclose(gates[0], gates[1])


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match=r"inputs \[batch, time, 3\] are needed, not \(2, 4, 5\)"):
        Wavefront(H, L).init(KEY, jnp.zeros((B, T, 5)))
    layers = Stack([RNN(H), RNN(H)])
    params = jax.eval_shape(layers.init, KEY, jnp.zeros((B, T, 5)))["params"]
    with pytest.raises(ValueError, match="layer 1 has the shapes"):
        stacked(params)
