"""Attention against numbers worked by hand, plain NumPy and the laws of masks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.attention import (
    Additive,
    Biaffine,
    Dot,
    General,
    ScaledDot,
    Soft,
    attend,
    masked_softmax,
)

KEY = jax.random.key(0)
B, N, Q = 3, 4, 3
SCORES = {
    "additive": Additive(5),
    "dot": Dot(),
    "scaled dot": ScaledDot(),
    "general": General(Q),
    "biaffine": Biaffine(Q),
}
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]], np.float32)


def by_numpy(name, params, query, keys):
    """The formula for each pair, with loops."""
    w = {layer: np.asarray(value["kernel"], np.float64) for layer, value in params.items()}
    found = np.zeros(keys.shape[:2])
    for b, n in np.ndindex(found.shape):
        s, h = query[b], keys[b, n]
        found[b, n] = {
            "additive": lambda s, h: (np.tanh(s @ w["of_query"] + h @ w["of_keys"]) @ w["out"])[0],
            "dot": lambda s, h: s @ h,
            "scaled dot": lambda s, h: s @ h / np.sqrt(len(s)),
            "general": lambda s, h: s @ w["bilinear"].T @ h,
            "biaffine": lambda s, h: s @ w["bilinear"].T @ h + (h @ w["alone"])[0],
        }[name](s, h)
    return found


def arrays(width):
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, Q)), rng.normal(size=(B, N, width))


@pytest.fixture(scope="module")
def of_all():
    """Scores, weights and gradients of every score, compiled as one, in 64 bits."""
    drawn = np.random.default_rng(1).normal
    with jax.enable_x64(True):
        found = {}
        for name, score in SCORES.items():
            query, keys = arrays(Q if "dot" in name else 5)
            shapes = jax.eval_shape(score.init, KEY, query, keys)
            found[name] = jax.tree.map(lambda leaf: drawn(size=leaf.shape), shapes), query, keys

        @jax.jit
        def run(given):
            results = {}
            for name, (variables, query, keys) in given.items():
                score = SCORES[name]
                soft = Soft(score)

                def objective(variables, query, keys, soft=soft):
                    inside = {"params": {"score": variables.get("params", {})}}
                    memory = soft.apply(inside, keys, MASK, method="remember")
                    _, context, weights = soft.apply(inside, (), query, memory)
                    return jnp.cos(context).sum(), (context, weights)

                scores = score.apply(variables, query, keys)
                both = jax.value_and_grad(objective, (0, 1, 2), has_aux=True)
                results[name] = scores, both(variables, query, keys)
            return results

        results = run(found)
        poisoned = {
            name: (variables, query, np.where(MASK[..., None] > 0, keys, 1e3))
            for name, (variables, query, keys) in found.items()
        }
        return jax.device_get((found, results, run(poisoned)))


@pytest.mark.parametrize("name", list(SCORES))
def test_scores_are_their_formulas(name, of_all):
    given, results, _ = of_all
    variables, query, keys = given[name]
    expected = by_numpy(name, variables.get("params", {}), np.asarray(query), np.asarray(keys))
    np.testing.assert_allclose(results[name][0], expected, rtol=1e-12)


@pytest.mark.parametrize("name", list(SCORES))
def test_context_is_the_mean_of_the_values_by_the_softmax_of_the_real_scores(name, of_all):
    given, results, _ = of_all
    keys, (scores, ((_, (context, weights)), _)) = np.asarray(given[name][2]), results[name]
    for b, real in enumerate((4, 2)):
        powers = np.exp(np.asarray(scores)[b, :real])
        np.testing.assert_allclose(weights[b, :real], powers / powers.sum(), rtol=1e-12)
        np.testing.assert_allclose(
            context[b], powers / powers.sum() @ keys[b, :real], rtol=1e-12, atol=1e-15
        )
    np.testing.assert_array_equal(weights[MASK == 0], 0)
    np.testing.assert_array_equal(context[2], 0)


@pytest.mark.parametrize("name", list(SCORES))
def test_gradients_are_finite_and_nothing_depends_on_padding(name, of_all):
    _, results, poisoned = of_all
    for leaf, other in zip(
        jax.tree.leaves(results[name][1]), jax.tree.leaves(poisoned[name][1]), strict=True
    ):
        assert np.isfinite(leaf).all()
        np.testing.assert_array_equal(leaf, other)
    of_keys = results[name][1][1][2]
    np.testing.assert_array_equal(of_keys[MASK == 0], 0)
    assert (of_keys[0] != 0).all()


def test_numbers_worked_by_hand():
    query, keys = jnp.array([[1.0, 2.0]]), jnp.array([[[3.0, 1.0], [0.0, 1.0], [1.0, 1.0]]])
    scores = Dot().apply({}, query, keys)
    np.testing.assert_array_equal(scores, [[5, 2, 3]])
    np.testing.assert_allclose(ScaledDot().apply({}, query, keys)[0, 1], np.sqrt(2), rtol=1e-6)
    # Of scores log 1, log 3 the weights are 1/4 and 3/4.
    context, weights = attend(
        jnp.log(jnp.array([[1.0, 3.0, 5.0]])), keys, jnp.array([[1.0, 1.0, 0.0]])
    )
    np.testing.assert_allclose(weights, [[0.25, 0.75, 0]], rtol=1e-6)
    np.testing.assert_allclose(context, [[0.75, 1.0]], rtol=1e-6)


def test_softmax_survives_scores_beyond_the_range_of_exp_and_masked_infinities():
    scores = np.array([[1000, 1000, np.inf], [-1000, -1001, np.nan]], np.float32)
    real = np.array([[1, 1, 0], [1, 1, 0]])

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def run(scores):
        weights = masked_softmax(scores, real)
        return weights[:, 0].sum(), weights

    gradient, weights = run(scores)
    e = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(weights, [[0.5, 0.5, 0], [e, 1 - e, 0]], rtol=1e-6)
    np.testing.assert_allclose(
        gradient, [[0.25, -0.25, 0], [e * (1 - e), -e * (1 - e), 0]], rtol=1e-5, atol=1e-7
    )


def test_a_row_with_nothing_real_gives_zeros_and_a_gradient_of_zeros():
    def total(scores, values):
        context, weights = attend(scores, values, np.zeros((1, 2), np.float32))
        return context.sum() + weights.sum()

    ones = np.ones((1, 2), np.float32), np.ones((1, 2, 3), np.float32)
    value, gradients = jax.jit(jax.value_and_grad(total, (0, 1)))(*ones)
    assert value == 0
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("name", ["dot", "scaled dot", "general", "biaffine"])
def test_widths_that_do_not_fit_are_refused(name):
    with pytest.raises(ValueError, match="a query of 2 numbers"):
        jax.eval_shape(SCORES[name].init, KEY, np.ones((1, 2)), np.ones((1, 4, 3)))
