import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.params import by_path, digest, kernels, paths, scaled, transplant


class Model(nn.Module):
    @nn.compact
    def __call__(self, ids):
        x = nn.Embed(11, 8)(ids)
        x = nn.Conv(6, (3,))(nn.LayerNorm()(x))
        x = nn.MultiHeadDotProductAttention(num_heads=2, qkv_features=6)(x)
        x = nn.RNN(nn.OptimizedLSTMCell(5))(x)
        return nn.Dense(3, name="head")(nn.PReLU()(x))


PARAMS = jax.eval_shape(Model().init, jax.random.key(0), jnp.zeros((2, 4), int))["params"]


def test_paths_are_joined_by_slashes_in_the_order_of_the_leaves():
    params = {"b": [jnp.zeros(1), (jnp.zeros(2),)], "a": {"kernel": jnp.zeros((3, 3))}}
    assert paths(params) == ["a/kernel", "b/0", "b/1/0"]
    assert [leaf.size for leaf in jax.tree.leaves(params)] == [9, 1, 2]


def test_kernels_of_flax_layers():
    chosen = kernels(PARAMS)
    assert jax.tree.structure(chosen) == jax.tree.structure(PARAMS)
    for path, chose in zip(paths(PARAMS), jax.tree.leaves(chosen), strict=True):
        assert chose is (path.split("/")[-1] == "kernel"), path
    assert sum(jax.tree.leaves(chosen)) == 1 + 4 + 8 + 1
    heads = "MultiHeadDotProductAttention_0/query/bias"
    assert heads in paths(PARAMS)
    assert PARAMS["MultiHeadDotProductAttention_0"]["query"]["bias"].ndim == 2


def test_kernels_of_plain_trees():
    params = {
        "w": jnp.zeros((2, 3)),
        "b": jnp.zeros(3),
        "pos_embedding": jnp.zeros((5, 2)),
        "bias_ih": jnp.zeros((4, 3)),
        "scale": jnp.zeros((1, 3)),
        "gate": {"kernel": jnp.zeros(7)},
        "list": [jnp.zeros((2, 2)), jnp.zeros(2)],
        "temperature": jnp.zeros(()),
    }
    assert kernels(params) == {
        "w": True,
        "b": False,
        "pos_embedding": False,
        "bias_ih": False,
        "scale": False,
        "gate": {"kernel": True},
        "list": [True, False],
        "temperature": False,
    }


def test_a_module_name_does_not_decide():
    params = {"kernel": {"bias": jnp.zeros(3)}, "embed": {"kernel": jnp.zeros((2, 2))}}
    assert kernels(params) == {"kernel": {"bias": False}, "embed": {"kernel": True}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("head", {"head/bias", "head/kernel"}),
        ("^head/kernel$", {"head/kernel"}),
        ("Embed_0|PReLU", {"Embed_0/embedding", "PReLU_0/negative_slope"}),
        ("LayerNorm_[0-9]/(scale|bias)", {"LayerNorm_0/scale", "LayerNorm_0/bias"}),
    ],
)
def test_by_path_finds_the_matches(pattern, expected):
    chosen = jax.tree.leaves(by_path(PARAMS, pattern))
    assert {path for path, chose in zip(paths(PARAMS), chosen, strict=True) if chose} == expected


def test_by_path_without_a_match_names_pattern_and_paths():
    with pytest.raises(ValueError, match=r"'haed/\.\*'.*head/kernel"):
        by_path(PARAMS, "haed/.*")


def test_an_encoder_is_transplanted_into_another_model():
    source = {"encoder": {"a": jnp.ones(2), "b": jnp.full(3, 2.0)}, "decoder": jnp.ones(4)}
    params = {"encoder": {"a": jnp.zeros(2), "b": jnp.zeros(3)}, "head": {"encoder": jnp.zeros(1)}}
    found = transplant(params, source, "^encoder/")
    assert found["encoder"]["a"] is source["encoder"]["a"]
    assert found["encoder"]["b"] is source["encoder"]["b"]
    assert found["head"]["encoder"] is params["head"]["encoder"]
    only_b = transplant(params, source, "b$")
    assert only_b["encoder"]["a"] is params["encoder"]["a"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("^head", r"head \(1,\) cannot be transplanted: it is not among \['decoder'"),
        ("other", r"other \(5,\) cannot be transplanted: it is \(4,\) there"),
        ("haed", "no parameter path matches 'haed'"),
    ],
)
def test_what_cannot_be_transplanted_is_named(pattern, message):
    params = {"head": jnp.zeros(1), "other": jnp.zeros(5)}
    with pytest.raises(ValueError, match=message):
        transplant(params, {"decoder": jnp.ones(4), "other": jnp.ones(4)}, pattern)


def test_scaled_leaves_are_multiplied_in_their_dtype():
    params = {"norm": {"scale": jnp.ones(2, jnp.bfloat16)}, "head": {"kernel": jnp.ones((2, 2))}}
    found = scaled(params, "norm/scale", 0.5)
    assert found["norm"]["scale"].dtype == jnp.bfloat16
    assert found["norm"]["scale"].tolist() == [0.5, 0.5]
    assert found["head"]["kernel"] is params["head"]["kernel"]
    with pytest.raises(ValueError, match="no parameter path matches 'gone'"):
        scaled(params, "gone", 0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int8", "bool", "uint4"])
def test_data_of_every_dtype_have_a_digest(dtype):
    wholes = [np.zeros((3, 2)), np.eye(3, 2), np.zeros((2, 3)), np.zeros(0), np.ones(())]
    arrays = [jnp.asarray(whole).astype(dtype) for whole in wholes]
    assert len({digest({"x": array}) for array in arrays}) == 5
    assert digest({"x": arrays[1]}) == digest({"x": np.array(arrays[1])})
