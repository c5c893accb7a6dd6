"""LSUV and fixup, which act on the params of a model."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks
from jaxdl.initializers import fixup, lsuv
from jaxdl.models import MLP
from jaxdl.types import Task

KEY = jax.random.key(7)
BATCH = {
    "x": np.random.default_rng(3).normal(2.0, 3.0, (16, 4, 4, 1)).astype(np.float32),
    "y": np.arange(16) % 3,
}


class Shared(nn.Module):
    """A convolution, a layer that is called twice, one that gives zeros."""

    @nn.compact
    def __call__(self, x):
        x = nn.tanh(nn.Conv(3, (2, 2), name="conv")(x)).reshape(len(x), -1)
        shared = nn.Dense(x.shape[-1], name="shared", bias_init=nn.initializers.normal(1.0))
        nothing = nn.Dense(3, name="nothing", kernel_init=nn.initializers.zeros)(x)
        return nn.Dense(3, name="last")(nn.relu(shared(nn.relu(shared(x))))) + nothing


@pytest.mark.parametrize(
    "model", [MLP((8,) * 3, 3, nn.tanh, bias_init=nn.initializers.normal(0.5)), Shared()]
)
def test_lsuv_gives_every_layer_outputs_of_unit_variance(model):
    """By what Flax itself captures of a model with the new params."""
    task = tasks.classification(model)

    @jax.jit
    def both(key):
        params, _ = task.init(key, BATCH)
        new = lsuv(task, params, {}, BATCH, key)
        told = {"train": False} if isinstance(model, MLP) else {}
        seen = model.apply({"params": new}, BATCH["x"], **told, capture_intermediates=True)
        return params, new, seen[1]["intermediates"]

    params, new, seen = jax.device_get(both(KEY))
    for name, layer in params.items():
        if name == "nothing":
            assert not np.any(new[name]["kernel"])
            continue
        np.testing.assert_allclose(np.std(seen[name]["__call__"][0]), 1, rtol=1e-5)
        factors = [new[name][leaf] / layer[leaf] for leaf in layer if np.any(layer[leaf])]
        for factor in factors:  # one for all weights and biases of a layer
            np.testing.assert_allclose(factor, np.full_like(factor, np.ravel(factor)[0]), rtol=1e-5)


def test_lsuv_needs_layers_to_see():
    def loss(params, model_state, batch, key, *, train):
        return jnp.sum(params["w"] ** 2), ({}, {})

    task = Task(None, loss, None)
    with pytest.raises(ValueError, match="no layer with a kernel is seen"):
        lsuv(task, {"w": jnp.ones(2)}, {}, {}, KEY)


def test_fixup_divides_inner_kernels_and_begins_with_shortcuts():
    """In branches of three layers by the fourth root of 16."""
    layers = {f"Conv_{n}": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)} for n in range(3)}
    params = {"stem": {"kernel": jnp.ones((2, 2))}, "block": layers}
    new = fixup(params, inner="block/.*kernel", last="block/Conv_2/kernel", blocks=16, layers=3)
    found = {name: float(layer["kernel"][0, 0]) for name, layer in new["block"].items()}
    assert found == {"Conv_0": 0.5, "Conv_1": 0.5, "Conv_2": 0.0}
    assert new["stem"]["kernel"][0, 0] == new["block"]["Conv_2"]["bias"][0] == 1


@pytest.mark.parametrize(("blocks", "layers"), [(0, 2), (3, 1)])
def test_fixup_of_no_branch_or_a_single_layer_is_refused(blocks, layers):
    with pytest.raises(ValueError, match=f"not {blocks} of {layers}"):
        fixup({"a": jnp.ones(2)}, inner="a", last="a", blocks=blocks, layers=layers)
