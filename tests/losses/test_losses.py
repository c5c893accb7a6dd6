import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.linear_model
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl import losses, metrics
from jaxdl.params import kernels

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(40, 5)) * 3
LABELS = RNG.integers(0, 5, 40)
SIGNS = np.where(LABELS % 2, 1.0, -1.0)
SOFT = RNG.dirichlet(np.ones(5), 40)

# Every loss with arguments of many classes or of one score, as it is called in training.
MULTICLASS = {
    "zero_one": (losses.zero_one, LABELS),
    "multiclass_hinge": (losses.multiclass_hinge, LABELS),
    "softmax_cross_entropy": (losses.softmax_cross_entropy, LABELS),
    "soft_cross_entropy": (losses.soft_cross_entropy, SOFT),
    "negative_log_likelihood": (losses.negative_log_likelihood, LABELS),
}
SCALAR = {
    "hinge": (losses.hinge, SIGNS),
    "perceptron": (losses.perceptron, SIGNS),
    "binary_cross_entropy": (losses.binary_cross_entropy, SOFT[:, 0]),
    "squared_error": (losses.squared_error, SIGNS),
    "absolute_error": (losses.absolute_error, SIGNS),
    "huber": (losses.huber, SIGNS),
}


@jax.jit
def naive_cross_entropy(logits, labels):
    return -jnp.log(jax.nn.softmax(logits))[jnp.arange(len(labels)), labels]


EVERY = MULTICLASS | SCALAR


def scores_of(name):
    return SCORES if name in MULTICLASS else SCORES[:, 0]


@pytest.fixture(scope="module")
def by_example():
    """The values of all losses, for all examples together and for each by itself."""

    @jax.jit
    def every(arguments):
        return {
            name: (EVERY[name][0](*given), jax.vmap(EVERY[name][0])(*given))
            for name, given in arguments.items()
        }

    arguments = {
        name: (scores_of(name).astype(np.float32), targets) for name, (_, targets) in EVERY.items()
    }
    return every(arguments)


@pytest.mark.parametrize("name", EVERY)
def test_one_value_for_each_example(name, by_example):
    values, singly = by_example[name]
    assert values.shape == (40,)
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(values, singly, rtol=1e-6)


@pytest.fixture(scope="module")
def slopes():
    """The gradients of all losses, and differences over 2e-6 in each score of 8 examples."""

    def each(name, scores):
        loss, targets = EVERY[name]
        total = lambda scores: loss(scores, targets).sum()  # noqa: E731
        size = scores[:8].size
        steps = 1e-6 * jnp.eye(size, scores.size).reshape(size, *scores.shape)
        up, down = (jax.vmap(total)(scores[None] + sign * steps) for sign in (1, -1))
        return jax.grad(total)(scores), (up - down) / 2e-6

    with jax.enable_x64(True):
        every = jax.jit(lambda scores: {name: each(name, scores[name]) for name in EVERY})
        return jax.device_get(every({name: scores_of(name) for name in EVERY}))


@pytest.mark.parametrize("name", EVERY)
def test_gradients_equal_finite_differences(name, slopes):
    gradient, differences = slopes[name]
    np.testing.assert_allclose(gradient[:8].ravel(), differences, rtol=1e-7, atol=2e-8)


@pytest.mark.parametrize("name", EVERY)
def test_other_shapes_are_refused_instead_of_broadcast(name):
    loss, targets = (MULTICLASS | SCALAR)[name]
    scores = jnp.asarray(SCORES if name in MULTICLASS else SCORES[:, 0])
    with pytest.raises(ValueError, match="targets have shape"):
        loss(scores, jnp.asarray(targets)[:, None])


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "multiclass_hinge", "zero_one"])
def test_multiclass_losses_accept_time_axes(name):
    loss, labels = MULTICLASS[name]
    loss = jax.jit(loss)
    expected = np.asarray(loss(SCORES, labels)).reshape(4, 10)
    value = loss(SCORES.reshape(4, 10, 5), labels.reshape(4, 10))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_zero_one_is_the_error_rate_and_flat():
    expected = sklearn.metrics.zero_one_loss(LABELS, SCORES.argmax(axis=1))
    total = lambda scores: losses.zero_one(scores, LABELS).sum()  # noqa: E731
    value, gradient = jax.jit(jax.value_and_grad(total))(SCORES)
    assert value / 40 == pytest.approx(expected)
    np.testing.assert_array_equal(gradient, np.zeros_like(SCORES))


def test_hinge_against_sklearn():
    expected = sklearn.metrics.hinge_loss(SIGNS, SCORES[:, 0])
    value = np.mean(jax.jit(losses.hinge)(SCORES[:, 0], SIGNS))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_multiclass_hinge_against_sklearn():
    expected = sklearn.metrics.hinge_loss(LABELS, SCORES)
    value = np.mean(jax.jit(losses.multiclass_hinge)(SCORES, LABELS))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_subgradients_at_the_kinks():
    @jax.jit
    def slopes(scores):
        scalars = [
            jax.grad(losses.hinge)(1.0, 1.0),
            jax.grad(losses.hinge)(-1.0, -1.0),
            jax.grad(losses.absolute_error)(2.0, 2.0),
            jax.grad(losses.huber)(1.0, 0.0),
        ]
        return scalars, jax.grad(losses.multiclass_hinge)(scores, 0)

    scalars, by_scores = slopes(jnp.array([3.0, 2.0, 2.0]))
    assert list(map(float, scalars)) == [-0.5, 0.5, 0, 1]
    np.testing.assert_allclose(by_scores, [-2 / 3, 1 / 3, 1 / 3], rtol=1e-6)


def test_binary_cross_entropy_against_sklearn_and_scipy():
    logits, hard = SCORES[:, 0], (SIGNS > 0).astype(float)
    expected = sklearn.metrics.log_loss(hard, scipy.special.expit(logits))
    loss = jax.jit(losses.binary_cross_entropy)
    np.testing.assert_allclose(np.mean(loss(logits, hard)), expected, rtol=1e-6)
    p, y = scipy.special.expit(logits), SOFT[:, 0]
    expected = -scipy.special.xlogy(y, p) - scipy.special.xlog1py(1 - y, -p)
    np.testing.assert_allclose(loss(logits, y), expected, rtol=1e-5)


def test_cross_entropies_against_sklearn_and_scipy():
    expected = sklearn.metrics.log_loss(LABELS, scipy.special.softmax(SCORES, axis=1))
    value = np.mean(jax.jit(losses.softmax_cross_entropy)(SCORES, LABELS))
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    expected = -(SOFT * scipy.special.log_softmax(SCORES, axis=1)).sum(axis=1)
    value = jax.jit(losses.soft_cross_entropy)(SCORES, SOFT)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_fused_cross_entropy_is_finite_where_softmax_then_log_is_not():
    logits, labels = jnp.array([[200.0, 0.0]]), jnp.array([1])
    fused = jax.jit(losses.softmax_cross_entropy)
    assert np.isinf(naive_cross_entropy(logits, labels))
    assert np.asarray(fused(logits, labels)) == 200
    near = jnp.array([[2.0, 0.5]])
    expected = naive_cross_entropy(near, labels)
    np.testing.assert_allclose(fused(near, labels), expected, rtol=1e-6)


@pytest.mark.parametrize("name", MULTICLASS)
def test_far_logits_have_finite_losses_and_gradients(name):
    loss, _ = MULTICLASS[name]
    logits = np.array(list(itertools.product([-1e4, 0.0, 1e4], repeat=3)), np.float32)
    targets = np.arange(27) % 3
    if name == "soft_cross_entropy":
        targets = np.eye(3, dtype=np.float32)[targets]
    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(loss)))(logits, targets)
    assert np.isfinite(values).all()
    assert np.isfinite(gradients).all()
    assert values.max() <= 2.1e4


@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_far_logits_of_binary_cross_entropy(target):
    logits, targets = np.array([-1e4, 1e4], np.float32), np.full(2, target, np.float32)
    both = jax.jit(jax.vmap(jax.value_and_grad(losses.binary_cross_entropy)))
    values, gradients = both(logits, targets)
    np.testing.assert_allclose(values, [1e4 * target, 1e4 * (1 - target)], rtol=1e-6)
    np.testing.assert_allclose(gradients, [-target, 1 - target], atol=1e-6)


def test_binary_cross_entropy_keeps_its_relative_precision_when_certain():
    value = jax.jit(losses.binary_cross_entropy)(np.float32(40), 1.0)
    np.testing.assert_allclose(value, np.exp(-40.0), 1e-5)


def test_smooth_labels_with_a_traced_amount():
    smooth = jax.jit(losses.smooth_labels, static_argnums=1)
    expected = [[0.05, 0.85, 0.05, 0.05], [0.85, 0.05, 0.05, 0.05]]
    np.testing.assert_allclose(smooth(jnp.array([1, 0]), 4, 0.2), expected, rtol=1e-6)
    np.testing.assert_array_equal(smooth(jnp.array([2]), 3, 0.0), [[0, 0, 1]])
    np.testing.assert_allclose(smooth(jnp.array([2]), 3, 1.0), np.full((1, 3), 1 / 3), rtol=1e-6)


def test_smoothed_cross_entropy_is_a_mixture():
    @jax.jit
    def both(scores, labels):
        smoothed = losses.soft_cross_entropy(scores, losses.smooth_labels(labels, 5, 0.1))
        return smoothed, losses.softmax_cross_entropy(scores, labels)

    smoothed, hard = map(np.asarray, both(SCORES, LABELS))
    uniform = -scipy.special.log_softmax(SCORES, axis=1).mean(axis=1)
    np.testing.assert_allclose(smoothed, 0.9 * hard + 0.1 * uniform, rtol=1e-5)


def test_squared_and_absolute_error_against_sklearn():
    both = jax.jit(lambda *given: (losses.squared_error(*given), losses.absolute_error(*given)))
    squared, absolute = both(SCORES[:, 0], SIGNS)
    expected = sklearn.metrics.mean_squared_error(SIGNS, SCORES[:, 0])
    np.testing.assert_allclose(np.mean(squared), expected, rtol=1e-6)
    expected = sklearn.metrics.mean_absolute_error(SIGNS, SCORES[:, 0])
    np.testing.assert_allclose(np.mean(absolute), expected, rtol=1e-6)


@pytest.mark.parametrize("delta", [0.5, 1.0, 3.0])
def test_huber_against_scipy_with_a_traced_delta(delta):
    value = jax.jit(losses.huber)(SCORES, SOFT, delta)
    expected = scipy.special.huber(delta, SCORES - SOFT)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def test_negative_sampling_by_hand():
    loss = jax.jit(losses.negative_sampling)
    value = loss(jnp.array(0.0), jnp.array([0.0, np.log(3.0)]))
    np.testing.assert_allclose(value, np.log(2) + np.log(2) + np.log(4), rtol=1e-6)
    positive, noise = jnp.array([np.log(4.0), 1e4]), jnp.array([[np.log(0.25)], [-1e4]])
    expected = [2 * np.log(1.25), 0]
    np.testing.assert_allclose(loss(positive, noise), expected, rtol=1e-6)


def test_negative_sampling_gradient_is_sigma_minus_label():
    positive, noise = SCORES[:, 0], SCORES[:, 1:]
    total = lambda positive, noise: losses.negative_sampling(positive, noise).sum()  # noqa: E731
    gradient = jax.jit(jax.grad(total, argnums=(0, 1)))
    by_positive, by_noise = gradient(positive, noise)
    np.testing.assert_allclose(by_positive, scipy.special.expit(positive) - 1, atol=1e-6)
    np.testing.assert_allclose(by_noise, scipy.special.expit(noise), atol=1e-6)
    far = gradient(jnp.array([-1e4]), jnp.array([[1e4, -1e4]]))
    np.testing.assert_array_equal(far[0], [-1])
    np.testing.assert_array_equal(far[1], [[1, 0]])


PARAMS = {"layer": {"kernel": jnp.array([[3.0, -4.0], [0.0, 0.5]]), "bias": jnp.array([9.0, -9.0])}}
MASK = {"layer": {"kernel": True, "bias": False}}


def test_penalties_by_hand_leave_biases_out():
    @jax.jit
    def run(params):
        net = jax.value_and_grad(lambda p: losses.elastic_net(p, 2.0, 0.1, MASK))(params)
        return losses.l1(params, MASK), losses.l2(params, MASK), *net

    l1, l2, net, gradient = jax.device_get(run(PARAMS))
    assert l1 == 7.5
    assert l2 == 25.25
    assert net == pytest.approx(15 + 2.525)
    gradient = gradient["layer"]
    np.testing.assert_allclose(gradient["kernel"], [[2.6, -2.8], [0, 2.1]], rtol=1e-6)
    np.testing.assert_array_equal(gradient["bias"], [0, 0])


def test_soft_threshold_by_hand_leaves_biases_alone():
    shrunk = jax.jit(lambda amount: losses.soft_threshold(PARAMS, amount, MASK))(0.5)["layer"]
    np.testing.assert_array_equal(shrunk["kernel"], [[2.5, -3.5], [0, 0]])
    np.testing.assert_array_equal(shrunk["bias"], PARAMS["layer"]["bias"])


shrink = jax.jit(lambda weight, amount: losses.soft_threshold(weight, amount, True))


@given(st.floats(-10, 10, width=32), st.floats(0, 5, width=32))
@settings(deadline=None, max_examples=50)
def test_soft_threshold_is_the_proximal_map(weight, amount):
    """No point of a fine grid has a smaller ½(u − w)² + amount·|u|."""
    nearest = float(shrink(np.float32(weight), amount))
    objective = lambda u: (u - weight) ** 2 / 2 + amount * np.abs(u)  # noqa: E731
    assert objective(nearest) <= objective(np.linspace(-11, 11, 2001)).min() + 1e-4


def sparse_regression():
    x = np.random.default_rng(1).normal(size=(80, 12))
    weights = np.array([3.0, -2.0, 1.0, *[0.0] * 9])
    return x, x @ weights + 4 + 0.5 * np.random.default_rng(2).normal(size=80)


@functools.partial(jax.jit, static_argnames="proximal")
def descend(x, y, l1_amount, l2_amount, proximal):
    """2000 steps on ½·mean squared error plus the elastic net, its L1 part proximal or not."""
    params = {"kernel": jnp.zeros((12, 1)), "bias": jnp.zeros((1, 1))}
    mask, rate = kernels(params), 0.2

    def objective(params):
        error = losses.squared_error(x @ params["kernel"] + params["bias"], y).mean() / 2
        smooth_l1 = 0.0 if proximal else l1_amount
        return error + losses.elastic_net(params, smooth_l1, l2_amount, mask)

    def step(params, _):
        gradient = jax.grad(objective)(params)
        params = jax.tree.map(lambda p, g: p - rate * g, params, gradient)
        return losses.soft_threshold(params, rate * l1_amount if proximal else 0.0, mask), None

    return jax.lax.scan(step, params, length=2000)[0]


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_proximal_descent_reaches_sklearn_elastic_net_with_exact_zeros(l1_ratio):
    x, y = sparse_regression()
    alpha = 0.3
    model = sklearn.linear_model.ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-10).fit(x, y)
    with jax.enable_x64(True):
        params = descend(x, y[:, None], alpha * l1_ratio, alpha * (1 - l1_ratio) / 2, True)
    weights = np.asarray(params["kernel"])[:, 0]
    np.testing.assert_allclose(weights, model.coef_, atol=1e-3)
    np.testing.assert_allclose(np.asarray(params["bias"])[0, 0], model.intercept_, atol=1e-3)
    np.testing.assert_array_equal(weights == 0, model.coef_ == 0)
    assert (model.coef_ == 0).sum() >= 3


def test_neither_gradients_of_l1_nor_l2_give_exact_zeros():
    x, y = sparse_regression()
    for l1_amount, l2_amount in ((0.3, 0.0), (0.0, 0.3)):
        params = descend(x, y[:, None], l1_amount, l2_amount, False)
        assert (np.asarray(params["kernel"]) != 0).all()


def test_perceptron_is_the_rule_of_rosenblatt():
    """Its gradient is −y·x for a point on the wrong side or on the line, else zero."""
    scores, targets = jnp.array([2.0, -2.0, 0.0, 3.0]), jnp.array([1.0, 1.0, -1.0, -1.0])
    both = jax.jit(jax.vmap(jax.value_and_grad(losses.perceptron)))
    values, slopes = both(scores, targets)
    assert values.tolist() == [0.0, 2.0, 0.0, 3.0]
    assert slopes.tolist() == [0.0, -1.0, 1.0, 1.0]


# A label that is no class, or a target that the loss is not defined for, and the loss of it.
UNDEFINED = {
    "multiclass_hinge": (losses.multiclass_hinge, [-1, -100, 3, 300]),
    "softmax_cross_entropy": (losses.softmax_cross_entropy, [-1, -100, 3, 300]),
    "hinge": (losses.hinge, [0.0, 2.0, np.nan]),
    "perceptron": (losses.perceptron, [0.0, 2.0, np.nan]),
    "binary_cross_entropy": (losses.binary_cross_entropy, [-1.0, 2.0, np.nan]),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_undefined_targets_are_nan_without_a_finite_gradient_and_harmless_where_masked(name):
    loss, wrong = UNDEFINED[name]
    multiclass = isinstance(wrong[0], int)
    targets = jnp.array([1, *wrong])
    scores = np.linspace(-1.0, 1.0, 3 * len(targets)).reshape(len(targets), 3)
    scores = scores if multiclass else scores[:, 0]

    @jax.jit
    def run(scores, weight):
        mean = lambda z: metrics.mean(loss(z, targets), weight)[0]  # noqa: E731
        return loss(scores, targets), jax.value_and_grad(mean)(scores)

    values, (total, gradient) = jax.device_get(run(scores, np.ones(len(targets))))
    assert np.isnan(values).tolist() == [False] + [True] * len(wrong)
    assert np.isnan(total)
    assert np.isfinite(gradient[0]).all()
    assert not np.isfinite(gradient[1:]).reshape(len(wrong), -1).all(axis=1).any()
    _, (total, gradient) = jax.device_get(run(scores, np.array([1.0] + [0.0] * len(wrong))))
    assert total == values[0]
    assert not gradient[1:].any()


def test_labels_of_eight_bits_are_no_other_class_of_many():
    loss = jax.jit(losses.softmax_cross_entropy)
    values = loss(np.zeros((2, 300), np.float32), np.array([-1, 44], np.int8))
    np.testing.assert_allclose(values, [np.nan, np.log(300)], rtol=1e-6)
    with pytest.raises(ValueError, match="integers, not float32"):
        losses.softmax_cross_entropy(np.zeros((1, 3)), np.zeros(1, np.float32))


def test_smooth_labels_of_no_class_are_nan():
    smooth = jax.jit(losses.smooth_labels, static_argnums=1)
    assert np.isnan(smooth(jnp.array([-1, 3]), 3, 0.1)).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(("margin", "offset"), [(7, 0), (20, 0), (7, 256), (100, 0)])
def test_margins_keep_their_digits(margin, offset, dtype):
    """log(1 + 9·exp(−7)) is 0.00817, which is nothing beside 7 in bfloat16."""
    logits = np.array([[margin + offset, *[offset] * 9]], jnp.dtype(dtype))
    expected = np.log1p(9 * np.exp(-np.float64(logits[0, 0]) + np.float64(logits[0, 1])))
    (value,) = np.asarray(jax.jit(losses.softmax_cross_entropy)(logits, np.array([0])))
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-37)


def test_small_integers_do_not_wrap():
    a, b = jnp.array([3, 250], jnp.uint8), jnp.array([5, 0], jnp.uint8)
    np.testing.assert_array_equal(jax.jit(losses.squared_error)(a, b), [4, 62500])
    np.testing.assert_array_equal(jax.jit(losses.absolute_error)(a, b), [2, 250])


def test_a_nan_is_an_error():
    logits = jnp.array([[jnp.nan, 0.0], [0.0, jnp.nan], [jnp.nan, jnp.nan]])
    np.testing.assert_array_equal(jax.jit(losses.zero_one)(logits, jnp.array([0, 0, 0])), [1, 1, 1])


def test_thresholds_leave_the_dtype_of_the_parameters():
    shrunk = shrink(np.ones(2, jnp.bfloat16), np.float32(0.25))
    assert shrunk.dtype == jnp.bfloat16
    np.testing.assert_array_equal(np.asarray(shrunk, np.float32), [0.75, 0.75])


def test_squares_of_a_class_by_hand():
    outputs = jnp.array([[0.5, 0.25], [1.0, -1.0]])
    found = jax.jit(losses.one_hot_squared_error)(outputs, jnp.array([0, 1]))
    np.testing.assert_allclose(found, [0.25 + 0.0625, 1 + 4])


def test_pinball_is_that_of_sklearn_and_least_at_the_quantile():
    levels = (0.1, 0.5, 0.75)
    found = jax.jit(losses.pinball, static_argnums=2)(SCORES[:, :3], SCORES[:, 3], levels)
    for number, level in enumerate(levels):
        expected = sklearn.metrics.mean_pinball_loss(SCORES[:, 3], SCORES[:, number], alpha=level)
        np.testing.assert_allclose(found[:, number].mean(), expected, rtol=1e-5)
    drawn = np.sort(SCORES[:, 0])
    tried = np.broadcast_to(drawn[:, None, None], (40, 40, 1))  # each number as the quantile of all
    all_of = np.broadcast_to(drawn[None], (40, 40))
    risk = np.asarray(losses.pinball(tried, all_of, (0.7,))).mean(axis=(1, 2))
    assert np.argmin(risk) in (27, 28)
    with pytest.raises(ValueError, match="the levels"):
        losses.pinball(SCORES, SCORES[:, 0], levels)
