import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import Captioner

KEY = jax.random.key(0)
X = jax.random.normal(KEY, (3, 8, 12, 2))
TOKENS = np.array([[1, 3, 4, 2], [1, 4, 4, 0], [1, 2, 0, 0]], np.int32)
MODEL = Captioner((3, 5), width=4, words=6)
REGIONS = 6  # 2 × 3 after two strides of 2


@pytest.fixture(scope="module")
def variables():
    return jax.jit(lambda: MODEL.init(KEY, X, TOKENS, train=False))()


@pytest.fixture(scope="module")
def describe():
    return jax.jit(lambda variables, x, words: MODEL.apply(variables, x, words, train=False))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def dense(params, x):
    return x @ params["kernel"] + params.get("bias", 0)


def step_by_hand(params, state, word, regions):
    """The formula in the head of the module, in numpy; GRU: Cho et al. 2014, flax's biases."""
    look = params["look"]
    energy = np.tanh(dense(params["seen"], regions) + dense(look["asked"], state)[:, None])
    energy = dense(look["score"], energy)[..., 0]
    attention = np.exp(energy) / np.exp(energy).sum(axis=1, keepdims=True)
    context = (attention[..., None] * regions).sum(axis=1)
    inputs = np.concatenate([look["embedding"]["embedding"][word], context], axis=1)
    cell = look["cell"]
    r, z = (
        sigmoid(dense(cell[f"i{gate}"], inputs) + dense(cell[f"h{gate}"], state)) for gate in "rz"
    )
    n = np.tanh(dense(cell["in"], inputs) + r * dense(cell["hn"], state))
    state = (1 - z) * n + z * state
    return state, dense(look["Dense_0"], state), attention


def test_equals_the_formula_word_by_word(variables, describe):
    logits, attention = describe(variables, X, TOKENS)
    bound = MODEL.bind(variables)
    regions, _, state = (np.asarray(part, np.float64) for part in bound._begin(X, False))
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables["params"])
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
    tokens = jnp.array([[1, 3, 4, 5]])  # each word once, so that its embedding has its gradient

    def logits_at(variables, t):
        return MODEL.apply(variables, X[:1], tokens, train=False)[0][0, t].sum()

    gradients = jax.jit(jax.jacrev(lambda v: jnp.stack([logits_at(v, t) for t in range(4)])))(
        variables
    )
    embedding = gradients["params"]["look"]["embedding"]["embedding"]
    reached = jnp.abs(embedding).max(axis=-1)[:, tokens[0]] > 0
    assert (reached == jnp.tril(jnp.ones((4, 4), bool))).all()


def test_greedy_words_are_the_likeliest_given_themselves(variables, describe):
    words, attention = jax.jit(
        lambda variables, x: MODEL.apply(variables, x, 1, 4, method="greedy")
    )(variables, X)
    given = jnp.concatenate([jnp.full((3, 1), 1), words[:, :-1]], axis=1)
    logits, again = describe(variables, X, given)
    assert (logits.argmax(axis=-1) == words).all()
    np.testing.assert_allclose(attention, again, rtol=1e-5, atol=1e-6)
