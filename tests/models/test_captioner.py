import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import decoding
from jaxdl.models import Captioner

KEY = jax.random.key(0)
X = np.random.default_rng(0).standard_normal((3, 8, 12, 2), np.float32)
TOKENS = np.array([[1, 3, 4, 2], [1, 4, 4, 0], [1, 2, 0, 0]], np.int32)
MODEL = Captioner((3, 5), width=4, words=6)
REGIONS = 6  # 2 × 3 after two strides of 2


@pytest.fixture(scope="module")
def variables():
    return jax.jit(lambda: MODEL.init(KEY, X, TOKENS, train=False))()


@pytest.fixture(scope="module")
def describe():
    apply = jax.jit(lambda variables, x, words: MODEL.apply(variables, x, words, train=False))
    return lambda *arguments: jax.device_get(apply(*arguments))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def dense(params, x):
    return x @ params["kernel"] + params.get("bias", 0)


def step_by_hand(params, state, word, regions):
    """The formula in the head of the module, in numpy; GRU: Cho et al. 2014, cuDNN's biases."""
    score, rnn = params["decoder"]["attention"]["score"], params["decoder"]["rnn"]
    asked = dense(score["of_query"], state)[:, None]
    energy = dense(score["out"], np.tanh(dense(score["of_keys"], regions) + asked))[..., 0]
    attention = np.exp(energy) / np.exp(energy).sum(axis=1, keepdims=True)
    context = (attention[..., None] * regions).sum(axis=1)
    inputs = np.concatenate([params["embedding"]["embedding"][word], context], axis=1)
    of_inputs = np.split(dense(rnn, inputs), 3, axis=1)
    of_state = np.split(state @ rnn["recurrent_kernel"], 3, axis=1)
    r, z = (sigmoid(of_inputs[gate] + of_state[gate]) for gate in (0, 1))
    n = np.tanh(of_inputs[2] + r * (of_state[2] + rnn["inner_bias"]))
    state = (1 - z) * n + z * state
    return state, dense(params["logits"], state), attention


def test_equals_the_formula_word_by_word(variables, describe):
    logits, attention = describe(variables, X, TOKENS)
    memory, *_ = jax.jit(functools.partial(MODEL.apply, method="begin"))(variables, X)
    regions = np.asarray(memory.values, np.float64)
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables["params"])["network"]
    state = np.tanh(dense(params["decoder"]["first"], regions.mean(axis=1)))
    for t in range(TOKENS.shape[1]):
        state, expected, weights = step_by_hand(params, state, TOKENS[:, t], regions)
        np.testing.assert_allclose(logits[:, t], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(attention[:, t], weights, rtol=1e-4, atol=1e-6)


def test_attention_is_a_distribution_over_the_positions(variables, describe):
    _, attention = describe(variables, X, TOKENS)
    assert attention.shape == (3, 4, REGIONS)
    assert float(attention.min()) >= 0
    np.testing.assert_allclose(attention.sum(axis=-1), 1, rtol=1e-5)


def test_a_word_depends_on_the_words_before_it_alone(variables):
    """Zero gradient: the logits at t by the embeddings of later words."""
    tokens = np.array([[1, 3, 4, 5]])  # each word once, so that its embedding has its gradient

    def logits(variables):
        return MODEL.apply(variables, X[:1], tokens, train=False)[0][0].sum(axis=1)

    gradients = jax.jit(jax.jacrev(logits))(variables)
    embedding = np.asarray(gradients["params"]["network"]["embedding"]["embedding"])
    reached = np.abs(embedding).max(axis=-1)[:, tokens[0]] > 0
    np.testing.assert_array_equal(reached, np.tri(4, dtype=bool))


def test_greedy_words_are_the_likeliest_given_themselves(variables, describe):
    @jax.jit
    def decoded(variables, x):
        step = functools.partial(MODEL.apply, variables, method="step")
        carry = MODEL.apply(variables, x, method="begin")
        return decoding.greedy(step, carry, jnp.full(3, 1), 4)

    words = np.asarray(decoded(variables, X))
    given = np.concatenate([np.full((3, 1), 1, np.int32), words[:, :-1]], axis=1)
    logits, _ = describe(variables, X, given)
    np.testing.assert_array_equal(np.asarray(logits).argmax(axis=-1), words)
