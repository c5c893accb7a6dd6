"""Layers of attention against PyTorch (`goldens/attention.npz`), and the laws of their stacks."""

from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.activations import gelu_exact
from jaxdl.layers.multi_head import AttentionMetadata, MultiHeadAttention
from jaxdl.layers.transformer import TransformerLayer, TransformerStack

GOLDENS = dict(np.load(Path(__file__).parents[1] / "goldens/attention.npz"))
RENEW = "renew with `python tests/goldens/make_attention.py`"
D, H = 8, 2
NORMS = {
    "encoder": {"norm1": "attention_norm", "norm2": "feed_forward_norm"},
    "decoder": {
        "norm1": "attention_norm",
        "norm2": "cross_attention_norm",
        "norm3": "feed_forward_norm",
    },
}


def ours(golden, kind, suffix=""):
    """PyTorch's weights, or gradients, as our parameters."""

    def dense(weight, bias):
        return {"kernel": golden[weight + suffix].T, "bias": golden[bias + suffix]}

    params = {
        "attention": {
            "qkv": dense("self_attn.in_proj_weight", "self_attn.in_proj_bias"),
            "out": dense("self_attn.out_proj.weight", "self_attn.out_proj.bias"),
        },
        "feed_forward": {
            "inner": dense("linear1.weight", "linear1.bias"),
            "outer": dense("linear2.weight", "linear2.bias"),
        },
    }
    for theirs, name in NORMS[kind].items():
        scale, bias = (golden[f"{theirs}.{part}{suffix}"] for part in ("weight", "bias"))
        params[name] = {"scale": scale, "bias": bias}
    if kind == "decoder":
        both = dense("multihead_attn.in_proj_weight", "multihead_attn.in_proj_bias")
        params["cross_attention"] = {
            "q": {name: value[..., :D] for name, value in both.items()},
            "kv": {name: value[..., D:] for name, value in both.items()},
            "out": dense("multihead_attn.out_proj.weight", "multihead_attn.out_proj.bias"),
        }
    return params


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_a_layer_is_pytorchs(norm, kind):
    prefix = f"{norm}_{kind}/"
    golden = {
        key.removeprefix(prefix): value for key, value in GOLDENS.items() if key.startswith(prefix)
    }
    layer = TransformerLayer(D, H, 12, gelu_exact, pre_norm=norm == "pre")

    @jax.jit
    def measured(params, x):
        def total(params, x):
            y = run(layer, params, x)
            return (y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)).sum(), y

        (_, y), gradients = jax.value_and_grad(total, (0, 1), has_aux=True)(params, x)
        return y, gradients

    def run(layer, params, x):
        mask = jnp.asarray(GOLDENS["x_mask"])
        variables = {"params": params}
        if kind == "encoder":
            return layer.apply(variables, x, metadata=AttentionMetadata(mask=mask))
        memory = layer.apply(variables, GOLDENS["memory"], method=layer.remember)
        metadata = AttentionMetadata(memory_mask=mask)
        return layer.apply(variables, x, memory, metadata, causal=True)

    y, (of_params, of_x) = measured(ours(golden, kind), golden["x"])
    np.testing.assert_allclose(y, golden["y"], atol=1e-5, err_msg=RENEW)
    np.testing.assert_allclose(of_x, golden["x_gradient"], atol=5e-5, err_msg=RENEW)
    expected = ours(golden, kind, "_gradient")
    for (path, got), value in zip(
        jax.tree.leaves_with_path(of_params), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(got, value, atol=5e-5, err_msg=f"{path}: {RENEW}")


X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, D)), jnp.float32)


def test_what_is_computed_anew_has_the_same_gradients():
    def stack(**options):
        return TransformerStack(2, lambda: TransformerLayer(D, H, 8), **options)

    anew = {"remat": jax.checkpoint_policies.nothing_saveable}

    @jax.jit
    def gradients():
        params = stack().init(jax.random.key(0), X)
        return [
            jax.grad(lambda p, s=s: (s.apply(p, X, causal=True) ** 2).mean())(params)
            for s in (stack(), stack(**anew), stack(**anew, together=2))
        ]

    kept, *others = jax.device_get(gradients())
    for other in others:
        chex.assert_trees_all_close(other, kept, atol=1e-5)


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match="3 heads do not divide a width of 8"):
        jax.eval_shape(MultiHeadAttention(8, 3).init, jax.random.key(0), X)


def test_weights_can_be_looked_at():
    layer = MultiHeadAttention(D, H)

    @jax.jit
    def both():
        params = {"params": layer.init(jax.random.key(0), X)["params"]}
        looked_at = layer.apply(params, X, causal=True, mutable=["intermediates"])
        return *looked_at, layer.apply(params, X, causal=True)

    y, seen, unseen = jax.device_get(both())
    (weights,) = seen["intermediates"]["weights"]
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-6)
    np.testing.assert_array_equal(np.triu(weights, 1), 0)
    np.testing.assert_allclose(y, unseen, atol=1e-6)


def test_compute_in_bfloat16_keeps_float32_parameters():
    layer = TransformerLayer(D, H, 8, dtype=jnp.bfloat16)

    @jax.jit
    def both():
        params = layer.init(jax.random.key(0), X)
        y = layer.apply(params, X.astype(jnp.bfloat16))
        return params, y, TransformerLayer(D, H, 8).apply(params, X)

    params, y, exact = jax.device_get(both())
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(np.float32), exact, atol=0.06)


def test_rates_of_dropout_may_differ_between_trials():

    @jax.jit
    def trials(rates):
        without = TransformerLayer(D, H, 8)
        params = without.init(jax.random.key(0), X)

        def trial(rate):
            layer = TransformerLayer(D, H, 8, dropout=rate, attention_dropout=rate)
            return layer.apply(params, X, train=True, rngs={"dropout": jax.random.key(1)})

        return jax.vmap(trial)(rates), without.apply(params, X)

    (none, some), expected = trials(jnp.array([0.0, 0.5]))
    np.testing.assert_allclose(none, expected, atol=1e-5)
    assert not np.allclose(none, some, atol=0.1)
