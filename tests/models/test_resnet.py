"""Residual networks against the formula, block after block, and the laws of their shortcuts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.norms import BatchNorm
from jaxdl.models import Block, ResNet, identity_shortcut, no_shortcut

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 5, 2)).astype(np.float32)


def variables_of(model):
    """All leaves drawn anew, so that norms and running statistics are not at 0 and 1."""
    shapes = jax.eval_shape(lambda: model.init(KEY, X, train=False))
    return jax.tree.map(
        lambda leaf: RNG.uniform(0.1, 0.6, size=leaf.shape).astype(np.float32), shapes
    )


def convolve(x, kernel, stride=1):
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def formula(params, x, shortcut):
    """Two stages of 2 and 4 channels, two blocks each, no norm."""
    x = jax.nn.relu(biased(params["Conv_0"], x))
    stage_0, first, stage_1 = params["stage_0"], params["stage_1_first"], params["stage_1"]
    blocks = [(at(stage_0, 0), 1), (at(stage_0, 1), 1), (first, 2), (at(stage_1, 0), 1)]
    for block, stride in blocks:
        y = jax.nn.relu(biased(block["Conv_0"], x, stride))
        y = biased(block["Conv_1"], y)
        if shortcut:
            y = y.at[..., : x.shape[-1]].add(x[:, ::stride, ::stride])
        x = jax.nn.relu(y)
    dense = params["Dense_0"]
    return x.mean(axis=(1, 2)) @ dense["kernel"] + dense["bias"].reshape(1, -1)


def biased(leaves, x, stride=1):
    return convolve(x, leaves["kernel"], stride) + leaves["bias"].reshape(1, 1, 1, -1)


def at(stacked, index):
    return jax.tree.map(lambda leaf: leaf[index], stacked)


def test_outputs_and_gradients_are_those_of_the_formula():
    models = [
        ResNet((2, 4), 2, 3, shortcut=shortcut, norm=None)
        for shortcut in (identity_shortcut, no_shortcut)
    ]
    params = jax.tree.map(
        lambda leaf: RNG.normal(0, 0.4, size=leaf.shape), variables_of(models[0])["params"]
    )

    @jax.jit
    def compare(params, x):
        results = []
        for model, shortcut in zip(models, (True, False), strict=True):
            pair = []
            for network in (
                lambda p, x, m=model: m.apply({"params": p}, x, train=True),
                lambda p, x, s=shortcut: formula(p, x, s),
            ):
                y, pull = jax.vjp(network, params, x)
                pair.append((y, pull(jnp.cos(y))))
            results.append(pair)
        return results

    with jax.enable_x64(True):
        results = compare(params, X.astype(np.float64))
    for ours, expected in results:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11), ours, expected
        )


@pytest.mark.parametrize("train", [True, False])
def test_blocks_in_a_loop_keep_statistics_of_their_own(train):
    """The loop is the blocks one after another, each with its slice of parameters and state."""
    model = ResNet((2,), 3, 2)
    variables = variables_of(model)
    block = Block(2, 1, identity_shortcut, jax.nn.relu, BatchNorm, jax.nn.initializers.zeros)

    @jax.jit
    def compare(variables, x):
        y, after = model.apply(variables, x, train=train, mutable=["batch_stats"])
        params, stats = variables["params"], variables["batch_stats"]
        stem = {"params": params["BatchNorm_0"], "batch_stats": stats["BatchNorm_0"]}
        x = convolve(x, params["Conv_0"]["kernel"])
        x, _ = BatchNorm().apply(stem, x, train=train, mutable=["batch_stats"])
        x = jax.nn.relu(x)
        states = []
        for i in range(3):
            own = {"params": at(params["stage_0"], i), "batch_stats": at(stats["stage_0"], i)}
            x, state = block.apply(own, x, train=train, mutable=["batch_stats"])
            states.append(state["batch_stats"])
        dense = params["Dense_0"]
        expected = x.mean(axis=(1, 2)) @ dense["kernel"] + dense["bias"].reshape(1, -1)
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        return (y, after["batch_stats"]["stage_0"]), (expected, stacked)

    ours, expected = compare(variables, X)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), ours, expected
    )
    moved = jax.tree.map(
        lambda a, b: bool(np.any(a != b)), ours[1], variables["batch_stats"]["stage_0"]
    )
    assert all(leaf is train for leaf in jax.tree.leaves(moved))


def test_the_shortcut_drops_positions_and_adds_empty_channels():
    x = jnp.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    y = 100 * jnp.ones((1, 2, 2, 2))
    z = identity_shortcut(x, y)
    np.testing.assert_array_equal(z[0, :, :, 0], [[101, 103], [107, 109]])
    np.testing.assert_array_equal(z[0, :, :, 1], [[100, 100], [100, 100]])
    np.testing.assert_array_equal(no_shortcut(x, y), y)


@pytest.mark.parametrize("blocks", [1, 3, 9])
def test_depth_counts_the_layers_that_have_kernels(blocks):
    variables = jax.eval_shape(lambda: ResNet((2, 4, 8), blocks, 3).init(KEY, X, train=False))
    plain = ResNet((2, 4, 8), blocks, 3, shortcut=no_shortcut)
    twin = jax.eval_shape(lambda: plain.init(KEY, X, train=False))
    assert variables == twin
    kernels = [
        (leaf.shape[0] if leaf.ndim == 5 else 1)
        for path, leaf in jax.tree.leaves_with_path(variables["params"])
        if "kernel" in jax.tree_util.keystr(path)
    ]
    assert sum(kernels) == 6 * blocks + 2


def test_the_gradient_passes_fifty_layers_by_the_shortcuts_alone():
    """Blocks of zeros are the identity: any depth has the gradient of the shallowest."""

    def gradient(blocks, shortcut):
        model = ResNet((2, 4, 4), blocks, 3, shortcut=shortcut)
        variables = model.init(KEY, X, train=False)

        def loss(params, x):
            params = {
                name: jax.tree.map(jnp.zeros_like, leaves) if "stage" in name else leaves
                for name, leaves in params.items()
            }
            return jnp.sin(model.apply({**variables, "params": params}, x, train=False)).sum()

        return jax.grad(loss, argnums=1)(variables["params"], X)

    shallow, deep, plain = jax.jit(
        lambda: (
            gradient(1, identity_shortcut),
            gradient(8, identity_shortcut),
            gradient(8, no_shortcut),
        )
    )()
    np.testing.assert_allclose(deep, shallow, rtol=1e-6)
    assert np.abs(deep).max() > 1e-3
    assert not np.any(plain)
