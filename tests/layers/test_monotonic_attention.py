import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.monotonic_attention import (
    Energy,
    Monotonic,
    expected,
    expected_step,
    walk,
    walk_step,
)

RNG = np.random.default_rng(0)
B, T, S = 2, 3, 5
MASK = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0]])


def slow_alignment(p):
    """A sum over where the head was before and all it passed since, as plain loops."""
    steps, size = p.shape
    before, alphas = np.eye(size)[0], []
    for i in range(steps):
        now = np.zeros(size)
        for j in range(size):
            for k in range(j + 1):
                now[j] += before[k] * np.prod(1 - p[i, k:j]) * p[i, j]
        alphas.append(now)
        before = now
    return np.array(alphas)


def slow_walk(stops):
    """Algorithm 1 of the paper."""
    weights, at = np.zeros(stops.shape, bool), 0
    for i in range(len(stops)):
        while at < stops.shape[1] and not stops[i, at]:
            at += 1
        if at < stops.shape[1]:
            weights[i, at] = True
    return weights


def patterns(steps, size):
    """All ways in which a head can be told to stop, `[2^(T·S), T, S]`."""
    return np.array(list(itertools.product((False, True), repeat=steps * size))).reshape(
        -1, steps, size
    )


def test_the_scan_equals_plain_loops():
    p = RNG.uniform(size=(B, T, S))
    p[0, 1, 2], p[1, 0, 0], p[1, 2, 3] = 1, 0, 1 - 1e-15
    with jax.enable_x64(True):
        alpha = expected(jnp.asarray(p))
    np.testing.assert_allclose(alpha, [slow_alignment(row) for row in p], atol=1e-14)


def test_the_alignment_is_the_mean_of_all_walks():
    p = RNG.uniform(size=(2, 4))
    stops = patterns(2, 4)
    chances = np.where(stops, p, 1 - p).prod(axis=(1, 2))
    with jax.enable_x64(True):
        alpha = expected(jnp.asarray(p))
    assert chances.sum() == pytest.approx(1)
    np.testing.assert_allclose(alpha, np.einsum("n,nts->ts", chances, walk(stops)), atol=1e-14)


def test_walks_equal_the_algorithm_of_the_paper():
    stops = patterns(3, 4)
    np.testing.assert_array_equal(walk(stops), [slow_walk(row) for row in stops])


def test_certain_stops_align_as_the_walk_does():
    stops = RNG.random((20, T, S)) < 0.3
    np.testing.assert_array_equal(expected(stops.astype(np.float32)), walk(stops))


def test_steps_are_the_rows_of_the_whole():
    p = jnp.asarray(RNG.uniform(size=(B, T, S)), jnp.float32)
    alpha = expected(p)
    second = jax.jit(expected_step)(p[:, 1], alpha[:, 0])
    np.testing.assert_allclose(second, alpha[:, 1], rtol=1e-6)
    stops = np.asarray(p) > 0.5
    heads = walk(stops)
    np.testing.assert_array_equal(walk_step(stops[:, 1], heads[:, 0]), heads[:, 1])


def test_long_alignments_stay_exact_in_single_precision():
    p = RNG.uniform(0.0, 0.2, size=(4, 100))
    alpha = expected(jnp.asarray(p, jnp.float32))
    np.testing.assert_allclose(alpha, slow_alignment(p), rtol=1e-4, atol=1e-12)


def test_gradients_equal_finite_differences_where_the_head_surely_stops_too():
    p, weights = RNG.uniform(size=(2, 4)), RNG.normal(size=(2, 4))
    p[0, 1] = 1
    with jax.enable_x64(True):
        gradient = jax.jit(jax.grad(lambda p: (expected(p) * weights).sum()))(p)
    nudged = 1e-6 * np.eye(8).reshape(8, 2, 4)
    above, below = ([(slow_alignment(p + s * n) * weights).sum() for n in nudged] for s in (1, -1))
    slopes = (np.array(above) - below) / 2e-6
    np.testing.assert_allclose(gradient, slopes.reshape(2, 4), atol=1e-8)


def test_the_head_never_stops_where_the_mask_is_zero():
    p = RNG.uniform(0.2, 0.8, size=(B, T, S)).astype(np.float32)
    holes = np.where(MASK[:, None] != 0, p, np.nan).astype(np.float32)
    alpha = np.asarray(expected(jnp.asarray(holes), jnp.asarray(MASK)))
    assert (alpha[1][:, MASK[1] == 0] == 0).all()
    short = expected(jnp.asarray(p[1][:, [0, 2]]))
    np.testing.assert_allclose(alpha[1][:, [0, 2]], short, rtol=1e-6)


QUERIES = jnp.asarray(RNG.normal(size=(B, T, 4)), jnp.float32)
VALUES = jnp.asarray(RNG.normal(size=(B, S, 6)), jnp.float32)


def follow(layer, queries, values, mask, *, train):
    """Weights `[B, T, S]` and contexts of queries one after the other."""
    memory = layer.remember(values, mask)
    state, found = layer.begin(memory), []
    for t in range(T):
        state, context, weights = layer(state, queries[:, t], memory, train=train)
        found.append((weights, context))
    weights, contexts = (jnp.stack(each, axis=1) for each in zip(*found, strict=True))
    return weights, contexts


@pytest.fixture(scope="module")
def run():
    @functools.partial(jax.jit, static_argnames="train")
    def run(params, mask, noise, key, *, train):
        layer, rngs = Monotonic(Energy(7), noise), {"dropout": key}
        return layer.apply(params, QUERIES, VALUES, mask, method=follow, train=train, rngs=rngs)

    return lambda *arguments, **options: jax.device_get(run(*arguments, **options))


@pytest.fixture(scope="module")
def params():
    layer = Monotonic(Energy(7, offset=0.3))
    init = jax.jit(functools.partial(layer.init, method=follow, train=False))
    return init(jax.random.key(0), QUERIES, VALUES, np.ones((B, S)))


def slow_energies(params):
    own = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["params"]["energy"])
    asked = np.asarray(QUERIES) @ own["of_query"]["kernel"] + own["of_query"]["bias"]
    hidden = np.tanh(asked[:, :, None] + (np.asarray(VALUES) @ own["of_keys"]["kernel"])[:, None])
    return hidden @ (own["g"] * own["v"] / np.linalg.norm(own["v"])) + own["r"]


def test_without_noise_training_has_the_expected_alignment(run, params):
    weights, contexts = run(params, MASK, 0.0, jax.random.key(1), train=True)
    p = np.where(MASK[:, None] != 0, 1 / (1 + np.exp(-slow_energies(params))), 0)
    np.testing.assert_allclose(weights, [slow_alignment(row) for row in p], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(contexts, np.einsum("bts,bsd->btd", weights, VALUES), atol=1e-5)
    assert (weights[1][:, MASK[1] == 0] == 0).all()


def test_after_training_the_head_walks(run, params):
    weights, contexts = run(params, MASK, 1.0, jax.random.key(1), train=False)
    stops = (slow_energies(params) > 0) & (MASK[:, None] != 0)
    truth = np.array([slow_walk(row) for row in stops])
    assert truth.any(axis=2).sum() > B
    np.testing.assert_array_equal(weights, truth)
    np.testing.assert_allclose(contexts, np.einsum("bts,bsd->btd", truth, VALUES), atol=1e-6)


def test_without_a_mask_all_is_real(run, params):
    for train in (True, False):
        found, ones = (
            run(params, mask, 0.0, jax.random.key(1), train=train)
            for mask in (None, np.ones((B, S)))
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, ones)


def test_noise_is_drawn_in_training_at_every_step(run, params):
    one, other = (run(params, MASK, 1.0, jax.random.key(k), train=True)[0] for k in (1, 2))
    quiet = run(params, MASK, 0.0, jax.random.key(1), train=True)[0]
    assert (np.abs(one - quiet).max(axis=(0, 2)) > 1e-3).all()
    assert (np.abs(one - other).max(axis=(0, 2)) > 1e-3).all()
