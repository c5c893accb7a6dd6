"""Values and gradients at zeros, equal vectors, nothing but padding, huge and tiny numbers.

Both are worked by hand; where no derivative exists, 0 is what the docstrings promise.
"""

import inspect

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import diagnostics, losses, metrics, numerics, similarity, tasks
from jaxdl.layers import activations, attention, hard_attention, monotonic_attention, norms

INF, KEY = np.inf, jax.random.key(0)
HUGE, TINY, DENORMAL = 1e38, 1e-30, 1e-40
ZEROS, PAIR = np.zeros(2), np.array([3.0, 4.0])
NONE = np.zeros(2)
SEEN = np.array([0.5, 0.25])
TREE = {"w": True}


def energy(v):
    of = {"kernel": jnp.ones((2, 2)), "bias": jnp.zeros(2)}
    params = {"of_query": of, "of_keys": {"kernel": jnp.ones((2, 2))}, "v": v}
    params |= {"g": jnp.ones(()), "r": jnp.zeros(())}
    model = monotonic_attention.Energy(2)
    return model.apply({"params": params}, jnp.ones((1, 2)), jnp.ones((1, 1, 2)), method="score")[
        0, 0
    ]


def penalty(slope):
    return tasks.gradient_penalty(1.0)(
        lambda x: x @ slope, jnp.ones((1, 2)), jnp.ones((1, 2)), KEY
    )[0]


def standardized(norm):
    return lambda x: norm.apply({"params": {"scale": jnp.ones(2)}}, x[None])[0, 0]


def batch_norm(x):
    variables = {"params": {"scale": jnp.ones(1), "bias": jnp.zeros(1)}}
    variables["batch_stats"] = {"mean": jnp.zeros(1), "var": jnp.ones(1)}
    y, _ = norms.BatchNorm().apply(variables, x[:, None], train=True, mutable="batch_stats")
    return y[0, 0]


# What is differentiated, where, the value and the gradient there.
CASES = {
    "norm of zeros": (numerics.norm, ZEROS, 0, ZEROS),
    "norm of huge": (numerics.norm, PAIR * HUGE / 5, HUGE, PAIR / 5),
    "norm of tiny": (numerics.norm, PAIR * TINY, 5 * TINY, PAIR / 5),
    "norm of denormal": (numerics.norm, PAIR * DENORMAL, 0, ZEROS),
    "unit of zeros": (lambda v: similarity.unit(v).sum(), ZEROS, 0, ZEROS),
    "unit of tiny": (lambda v: similarity.unit(v)[0] / 1e30, PAIR * TINY, 0.6e-30,
                     np.array([0.64, -0.48]) / 5),
    "cosine of zeros": (lambda v: similarity.cosine(v, jnp.ones(2)), ZEROS, 0, ZEROS),
    "cosine of itself": (lambda v: similarity.cosine(v, v), PAIR, 1, ZEROS),
    "cosine of huge": (lambda v: similarity.cosine(v, jnp.array([HUGE, 0.0])), PAIR * HUGE / 5,
                       0.6, ZEROS),
    "nearest of zeros": (lambda v: similarity.nearest(jnp.eye(2), v[None], 1)[0].sum(), ZEROS, 0,
                         ZEROS),
    "same_group of zeros": (lambda v: similarity.same_group(
        {"a": jnp.stack([v, v])}, jnp.array([0, 0]), jnp.ones(2))["a"], ZEROS, 1, ZEROS),
    "to_group of zeros": (lambda v: similarity.to_group(v[None], jnp.array([0])).sum(), ZEROS, 0,
                          ZEROS),
    "analogy of zeros": (lambda v: similarity.analogy(
        jnp.stack([v] * 4), *jnp.arange(3)[:, None])[0].sum(), ZEROS, 0, ZEROS),
    "singular value of zeros": (lambda m: diagnostics.largest_singular_value(
        m.reshape(1, 2), 3), ZEROS, 0, ZEROS),
    "singular value of huge": (lambda m: diagnostics.largest_singular_value(
        m.reshape(1, 2), 3), PAIR * HUGE / 5, HUGE, PAIR / 5),
    "singular value of tiny": (lambda m: diagnostics.largest_singular_value(
        m.reshape(1, 2), 3), PAIR * TINY, 5 * TINY, PAIR / 5),
    "zero_one": (lambda z: losses.zero_one(z, 1), ZEROS, 1, ZEROS),
    "hinge": (lambda z: losses.hinge(z, jnp.ones(2)).sum(), ZEROS, 2, [-1, -1]),
    "hinge of huge": (lambda z: losses.hinge(z, jnp.ones(2)).sum(), [HUGE, -HUGE / 2], HUGE / 2,
                      [0, -1]),
    "perceptron": (lambda z: losses.perceptron(z, jnp.ones(2)).sum(), ZEROS, 0, [-1, -1]),
    "multiclass_hinge": (lambda z: losses.multiclass_hinge(z, 0), ZEROS, 1, [-1, 1]),
    "multiclass_hinge without a class": (lambda z: losses.multiclass_hinge(z, 0), [0.5, -INF], 0,
                                         ZEROS),
    "binary_cross_entropy": (lambda z: losses.binary_cross_entropy(z, jnp.array([1.0, 0])).sum(),
                             ZEROS, 2 * np.log(2), [-0.5, 0.5]),
    "binary_cross_entropy when sure": (
        lambda z: losses.binary_cross_entropy(z, jnp.array([1.0, 0])).sum(), [INF, -INF], 0,
        ZEROS),
    "one_hot_squared_error": (lambda o: losses.one_hot_squared_error(o, 0), ZEROS, 1, [-2, 0]),
    "distillation of its own": (lambda z: losses.distillation(z, z, 0, 2.0, 1.0), PAIR, 0, ZEROS),
    "distillation when sure": (lambda z: losses.distillation(
        z, jnp.array([0, -INF]), 0, 1.0, 1.0), ZEROS, np.log(2), [-0.5, 0.5]),
    "softmax_cross_entropy": (lambda z: losses.softmax_cross_entropy(z, 0), ZEROS, np.log(2),
                              [-0.5, 0.5]),
    "softmax_cross_entropy when sure": (lambda z: losses.softmax_cross_entropy(z, 0), [0, -90.0],
                                        np.exp(-90.0), [-np.exp(-90.0), np.exp(-90.0)]),
    "softmax_cross_entropy when wrong": (lambda z: losses.softmax_cross_entropy(z, 0),
                                         [-HUGE, HUGE / 2], 1.5 * HUGE, [-1, 1]),
    "softmax_cross_entropy without a class": (lambda z: losses.softmax_cross_entropy(z, 0),
                                              [0, -INF], 0, ZEROS),
    "negative_log_likelihood": (lambda z: losses.negative_log_likelihood(z, 0), [-1.0, -INF], 1,
                                [-1, 0]),
    "soft_cross_entropy": (lambda z: losses.soft_cross_entropy(z, SEEN * 4 / 3), ZEROS, np.log(2),
                           [-1 / 6, 1 / 6]),
    "soft_cross_entropy without a class": (lambda z: losses.soft_cross_entropy(
        z, jnp.array([1.0, 0])), [0, -INF], 0, ZEROS),
    "smooth_labels": (lambda a: losses.smooth_labels(0, 2, a[0])[1], ZEROS, 0, [0.5, 0]),
    "squared_error": (lambda x: losses.squared_error(x, ZEROS).sum(), ZEROS, 0, ZEROS),
    "pinball": (lambda q: losses.pinball(q, jnp.zeros(()), [0.25, 0.75]).sum(), ZEROS, 0,
                [0.25, -0.25]),
    "absolute_error": (lambda x: losses.absolute_error(x, ZEROS).sum(), ZEROS, 0, ZEROS),
    "huber": (lambda x: losses.huber(x, ZEROS).sum(), ZEROS, 0, ZEROS),
    "huber of huge": (lambda x: losses.huber(x, ZEROS).sum(), [HUGE, 0], HUGE, [1, 0]),
    "huber without a bound": (lambda x: losses.huber(x, ZEROS, INF).sum(), PAIR, 12.5, PAIR),
    "negative_sampling": (lambda z: losses.negative_sampling(z[0], z[1:]), ZEROS, 2 * np.log(2),
                          [-0.5, 0.5]),
    "l1": (lambda w: losses.l1({"w": w}, TREE), ZEROS, 0, ZEROS),
    "l2": (lambda w: losses.l2({"w": w}, TREE), ZEROS, 0, ZEROS),
    "elastic_net": (lambda w: losses.elastic_net({"w": w}, 1.0, 1.0, TREE), ZEROS, 0, ZEROS),
    "soft_threshold": (lambda w: losses.soft_threshold({"w": w}, 0.5, TREE)["w"].sum(), ZEROS, 0,
                       ZEROS),
    "margin_ranking": (lambda s: losses.margin_ranking(s[0], s[1]), ZEROS, 1, [-1, 1]),
    "pairwise_logistic": (lambda s: losses.pairwise_logistic(s[0], s[1]), ZEROS, np.log(2),
                          [-0.5, 0.5]),
    "triplet": (lambda a: losses.triplet(a, ZEROS, ZEROS), ZEROS, 0.2, ZEROS),
    "contrastive of one": (lambda a: losses.contrastive(a, ZEROS, 1), ZEROS, 0, ZEROS),
    "contrastive of two": (lambda a: losses.contrastive(a, ZEROS, 0), ZEROS, 0.5, ZEROS),
    "contrastive, tiny": (lambda a: losses.contrastive(a, ZEROS, 0), PAIR * TINY, 0.5,
                          -PAIR / 5),
    "contrastive, huge": (lambda a: losses.contrastive(a, ZEROS, 0), PAIR * HUGE / 5, 0, ZEROS),
    "softmax": (lambda z: activations.softmax(z)[0], ZEROS, 0.5, [0.25, -0.25]),
    "softmax, cold": (lambda z: activations.softmax(z, 1e-38)[0], PAIR, 0, ZEROS),
    "gelu_tanh of huge": (lambda x: activations.gelu_tanh(x).sum(), [HUGE, -HUGE], HUGE, [1, 0]),
    "gelu_tanh of infinity": (lambda x: activations.gelu_tanh(x).sum(), [HUGE, INF], INF, [1, 1]),
    "gelu_exact of huge": (lambda x: activations.gelu_exact(x).sum(), [HUGE, -HUGE], HUGE, [1, 0]),
    "masked_softmax of nothing": (lambda s: attention.masked_softmax(s, NONE).sum(), PAIR, 0,
                                  ZEROS),
    "masked_softmax of infinities": (lambda s: attention.masked_softmax(s, SEEN).sum(),
                                     [-INF, -INF], 0, ZEROS),
    "masked_softmax, huge": (lambda s: attention.masked_softmax(s, SEEN)[0], [HUGE, -HUGE], 1,
                             ZEROS),
    "attend to nothing": (lambda s: attention.attend(
        s[None], jnp.ones((1, 2, 1)), NONE[None])[0].sum(), PAIR, 0, ZEROS),
    "log_probability of nothing": (lambda s: hard_attention.log_probability(
        s, jnp.zeros(2), NONE), PAIR, 0, ZEROS),
    "log_probability of one": (lambda s: hard_attention.log_probability(
        s, jnp.array([1.0, 0]), jnp.array([1, 0])), [0, INF], 0, ZEROS),
    "mean_of_others alone": (lambda x: hard_attention.mean_of_others(x, jnp.array([1.0, 0]))[0],
                             PAIR, 0, ZEROS),
    "expected": (lambda p: monotonic_attention.expected(p[None])[0, 1], ZEROS, 0, [0, 1]),
    "energy without a direction": (energy, ZEROS, 0, ZEROS),
    "layer norm of equals": (standardized(nn.LayerNorm(use_bias=False, epsilon=1e-5)), PAIR[[0, 0]],
                             0, np.array([0.5, -0.5]) / np.sqrt(1e-5)),
    "our layer norm of equals": (standardized(norms.LayerNorm(use_bias=False)), PAIR[[0, 0]], 0,
                                 np.array([0.5, -0.5]) / np.sqrt(1e-5)),
    "rms norm of zeros": (standardized(norms.RMSNorm()), ZEROS, 0, [1e3, 0]),
    "batch norm of equals": (batch_norm, PAIR[[0, 0]], 0,
                             np.array([0.5, -0.5]) / np.sqrt(1e-5)),
    "mean of padding": (lambda v: metrics.mean(v, NONE)[0], [np.nan, INF], 0, ZEROS),
    "f1 of no class": (lambda c: metrics.f1(jnp.diag(c)).sum(), ZEROS, 0, ZEROS),
    "divergence of the normal": (lambda v: tasks.standard_normal_kl(v[:1], v[1:]), ZEROS, 0,
                                 ZEROS),
    "gradient penalty of a flat critic": (penalty, ZEROS, 1, ZEROS),
    "absolute code": (lambda c: tasks.absolute_code(c[None], jnp.ones(1)), ZEROS, 0,
                      ZEROS),
}  # fmt: skip


@pytest.fixture(scope="module")
def found():
    """Values and gradients of all cases, compiled as one."""

    @jax.jit
    def everything(points):
        return {name: jax.value_and_grad(CASES[name][0])(x) for name, x in points.items()}

    points = {name: jnp.asarray(x, jnp.float32) for name, (_, x, *_) in CASES.items()}
    return jax.device_get(everything(points))


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_by_hand(name, found):
    _, _, value, gradient = CASES[name]
    np.testing.assert_allclose(found[name][0], value, rtol=2e-6, atol=1e-37 if value else 0)
    np.testing.assert_allclose(found[name][1], gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("module", [losses, similarity], ids=lambda m: m.__name__)
def test_every_public_function_is_here(module):
    public = {
        name
        for name, value in vars(module).items()
        if inspect.isroutine(value)
        and not name.startswith("_")
        and value.__module__.partition("._")[0] == module.__name__
    }
    assert public <= {name.split()[0].rstrip(",") for name in CASES}


def test_second_derivatives_where_two_embeddings_are_one():
    """½d² is as smooth there as anywhere: its second derivative is the identity."""

    @jax.jit
    def both(a, z):
        pull = jax.hessian(lambda a: losses.contrastive(a, jnp.zeros(2), jnp.ones(())))(a)
        return pull, jax.hessian(lambda z: losses.softmax_cross_entropy(z, 0))(z)

    pull, sure = both(jnp.zeros(2), jnp.array([500.0, 0.0]))
    np.testing.assert_array_equal(pull, np.eye(2))
    np.testing.assert_array_equal(sure, np.zeros((2, 2)))


@pytest.mark.parametrize("scale", [1e-35, 1e35])
def test_gradients_through_time_have_norms_where_their_squares_have_none(scale):
    norms = jax.jit(
        lambda scale: diagnostics.gradient_norm_by_step(
            lambda state, x: state + x,
            jnp.zeros(2),
            jnp.zeros((3, 2)),
            lambda s: scale * (s @ PAIR),
        )
    )(np.float32(scale))
    np.testing.assert_allclose(norms, np.full(4, 5 * scale), rtol=1e-6)
