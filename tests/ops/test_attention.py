"""Attention, plain and in blocks, against the formula in NumPy and `jax.nn`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ops import attention, blockwise_attention

B, T, S, H, D = 2, 19, 13, 2, 4
RNG = np.random.default_rng(0)
Q, K, V = (jnp.asarray(RNG.normal(size=(B, n, H, D)), jnp.float32) for n in (T, S, S))
KEYS = jnp.asarray([[1] * 9 + [0] * 4, [0] * S])  # row 1 has no key
OF_QUERIES = jnp.asarray([[1] * 4 + [2] * 15, [1] * 19])
OF_KEYS = jnp.asarray([[1] * 6 + [2] * 7, [1] * 6 + [3] * 7])
SLOPES = jnp.array([0.5, 0.25])
CASES = {
    "plain": {},
    "causal": {"causal": True},
    "keys": {"mask": KEYS},
    "segments": {"segments": (OF_QUERIES, OF_KEYS)},
    "all": {
        "mask": KEYS,
        "causal": True,
        "segments": (OF_QUERIES, OF_KEYS),
        "slopes": SLOPES,
    },
}


def by_hand(q, k, v, mask=None, causal=False, segments=None, slopes=None):
    """One number after the other, in float64."""
    y = np.zeros(q.shape)
    for b, t, h in np.ndindex(B, T, H):
        scores = {
            s: np.dot(q[b, t, h], k[b, s, h]) / np.sqrt(D)
            - (0 if slopes is None else slopes[h] * abs(t - s))
            for s in range(S)
            if (mask is None or mask[b, s])
            and (not causal or s <= t)
            and (segments is None or segments[0][b, t] == segments[1][b, s])
        }
        total = sum(np.exp(score) for score in scores.values())
        for s, score in scores.items():
            y[b, t, h] += np.exp(score) / total * v[b, s, h]
    return y


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blockwise_attention, "BLOCK", 8)


@functools.partial(jax.jit, static_argnums=(0, 1))
def measured(kind, name, q, k, v):
    """y, and the gradients of Σ y·cos(y's index) by q, k, v."""
    function = {
        "plain": attention.dot_product_attention,
        "blocks": blockwise_attention.blockwise_attention,
    }[kind]

    def total(q, k, v):
        y = function(q, k, v, **CASES[name])
        return (y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)).sum(), y

    (_, y), gradients = jax.value_and_grad(total, (0, 1, 2), has_aux=True)(q, k, v)
    return y, gradients


@pytest.mark.parametrize("name", CASES)
def test_plain_is_the_formula_and_blocks_are_plain(name):
    y, gradients = measured("plain", name, Q, K, V)
    numpy = jax.tree.map(np.asarray, CASES[name])
    np.testing.assert_allclose(y, by_hand(*map(np.asarray, (Q, K, V)), **numpy), atol=2e-6)
    y_blocks, gradients_blocks = measured("blocks", name, Q, K, V)
    np.testing.assert_allclose(y_blocks, y, atol=2e-6)
    for got, expected in zip(gradients_blocks, gradients, strict=True):
        np.testing.assert_allclose(got, expected, atol=5e-6)


@pytest.mark.parametrize("kind", ["plain", "blocks"])
def test_a_query_without_keys_gives_zeros_and_passes_none_on(kind):
    """In row 0 queries 4 and 5 are of segment 2, which begins at key 6; row 1 has no key at all."""
    y, (dq, dk, dv) = jax.device_get(measured(kind, "all", Q, K, V))
    for value in (y, dq, dk, dv):
        assert np.isfinite(value).all()
        np.testing.assert_array_equal(value[1], 0)
    np.testing.assert_array_equal(dv[0, 9:], 0)
    none = np.arange(T) // 2 == 2
    np.testing.assert_array_equal((y[0] == 0).all((1, 2)), none)
    np.testing.assert_array_equal(dq[0, none], 0)


def test_a_bias_of_minus_infinity_is_a_mask_for_whole_rows_too():
    real = RNG.random((B, 1, T, S)) < 0.4
    real[0, 0, 3] = False
    bias = np.where(real, 0, -np.inf).astype(np.float32)

    @jax.jit
    def run(bias):
        masked = attention.dot_product_attention(Q, K, V, mask=real)
        loss = lambda q: attention.dot_product_attention(q, K, V, bias=bias).sum()  # noqa: E731
        biased = attention.dot_product_attention(Q, K, V, bias=bias)
        theirs = jax.nn.dot_product_attention(Q, K, V, mask=jnp.broadcast_to(real, (B, H, T, S)))
        return masked, biased, jax.grad(loss)(Q), theirs

    masked, biased, gradient, theirs = jax.device_get(run(bias))
    np.testing.assert_allclose(masked, biased, atol=1e-6)
    np.testing.assert_array_equal(masked[0, 3], 0)
    np.testing.assert_array_equal(gradient[0, 3], 0)
    assert np.isfinite(gradient).all()
    some = real[:, 0].any(-1)
    np.testing.assert_allclose(masked[some], theirs[some], atol=1e-6)


@pytest.mark.parametrize("values", [V[..., :1], jnp.concatenate([V, -V], axis=-1)], ids=("1", "8"))
def test_values_may_have_a_width_of_their_own(values):
    """Each of their numbers is read by itself."""
    y, gradients = measured("plain", "all", Q, K, values)
    of_all = measured("plain", "all", Q, K, V)[0]
    expected = jnp.concatenate([of_all, -of_all], axis=-1)[..., : values.shape[-1]]
    np.testing.assert_allclose(y, expected, atol=1e-6)
    y_blocks, gradients_blocks = measured("blocks", "all", Q, K, values)
    np.testing.assert_allclose(y_blocks, y, atol=2e-6)
    for got, right in zip(gradients_blocks, gradients, strict=True):
        np.testing.assert_allclose(got, right, atol=1e-5)


def test_without_keys_all_queries_get_zeros():
    none, x = jnp.zeros((B, 0, H, D)), Q[:, :3]
    empty = {"mask": jnp.ones((B, 0)), "causal": True, "slopes": SLOPES}
    attend = attention.dot_product_attention
    for told in ({}, empty):
        y, gradient = jax.value_and_grad(lambda q, t=told: attend(q, none, none, **t).sum())(x)
        assert (y, jnp.abs(gradient).sum()) == (0, 0)
        assert attend(x, none, none[..., :1], **told).shape == (B, 3, H, 1)
    assert attention.attention_weights(x, none).shape == (B, H, 3, 0)


@pytest.mark.parametrize("kind", ["plain", "blocks"])
def test_a_nan_among_the_scores_is_seen_and_stays_in_its_row(kind):
    q = np.array(Q)
    q[0, 5, 0, 0] = np.nan
    y = np.asarray(measured(kind, "causal", q, K, V)[0])
    np.testing.assert_array_equal(np.isnan(y[..., 0]), np.isnan(y).any(-1))
    assert np.argwhere(np.isnan(y[..., 0])).tolist() == [[0, 5, 0]]


def test_a_mask_of_three_axes_is_refused():
    with pytest.raises(
        ValueError, match=r"a mask is \[B, S\] or \[B, H, T, S\], not \(2, 19, 13\)"
    ):
        jax.eval_shape(lambda: attention.dot_product_attention(Q, K, V, mask=jnp.ones((B, T, S))))


def test_narrow_floats_are_added_up_in_float32():
    q, k, v = (np.asarray(x).astype(jnp.bfloat16) for x in (Q, K, V))
    expected = by_hand(*(x.astype(np.float64) for x in (q, k, v)))
    functions = (attention.dot_product_attention, blockwise_attention.blockwise_attention)

    @jax.jit
    def run(q, k, v):
        return attention.attention_weights(q, k), [function(q, k, v) for function in functions]

    weights, outputs = jax.device_get(run(q, k, v))
    assert weights.dtype == jnp.float32
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-6)
    for y in outputs:
        assert y.dtype == jnp.bfloat16
        np.testing.assert_allclose(y.astype(np.float32), expected, atol=0.02)


def test_long_sequences_need_a_fraction_of_the_memory(monkeypatch):
    monkeypatch.setattr(blockwise_attention, "BLOCK", 128)
    shape = jax.ShapeDtypeStruct((1, 2048, 2, 8), jnp.float32)

    def temporaries(long):
        monkeypatch.setattr(attention, "LONG_ON_CPU", long)
        loss = lambda q: attention.dot_product_attention(q, q, q, causal=True).sum()  # noqa: E731
        compiled = jax.jit(jax.grad(loss)).lower(shape).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporaries(attention.LONG_ON_CPU) <= temporaries(10**6) / 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"v": jnp.zeros((1, 5, 1, 2))}, "values: a length of 5, with 3 queries and 130 keys"),
        ({"mask": jnp.ones((1, 129))}, "the mask: a length of 129"),
        ({"segments": (jnp.ones((1, 4)), jnp.ones((1, 130)))}, "segments of queries: a length of"),
        ({"segments": (jnp.ones((1, 3)), jnp.ones((1, 129)))}, "segments of keys: a length of"),
    ],
)
def test_lengths_that_whole_blocks_would_hide(given, said):
    keys = jnp.zeros((1, 130, 1, 2))
    with pytest.raises(ValueError, match=said):
        blockwise_attention.blockwise_attention(**{"q": keys[:, :3], "k": keys, "v": keys, **given})
