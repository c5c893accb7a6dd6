"""Ensembles against scikit-learn, scipy, numbers worked by hand, and members trained alone."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special, stats
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingRegressor, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from jaxdl import ensembles, tasks, train
from jaxdl.models import MLP
from jaxdl.optimizers import adam

KEYS = jax.random.split(jax.random.key(0), 3)
GENERATOR = np.random.default_rng(0)
ARRAYS = {
    "x": GENERATOR.normal(size=(12, 2)).astype(np.float32),
    "y": np.arange(12, dtype=np.int32) % 3,
}
TASK = tasks.classification(MLP((4,), 3))


@jax.jit
def fit_on(key, arrays):
    return train.fit_scan(TASK, adam(0.05), key, arrays, steps=5, batch_size=12)


def fit_one(key, weights):
    return fit_on(key, {**ARRAYS, "mask": weights})


@jax.jit
def member(key):
    fit_key, sample_key = jax.random.split(key)
    return fit_one(fit_key, ensembles.bootstrap(sample_key, 12))


@jax.jit
def bagged(keys):
    return ensembles.bagging(fit_one, keys, 12)


bootstrap = jax.jit(ensembles.bootstrap, static_argnums=1)
samme = jax.jit(ensembles.samme, static_argnums=2)
majority_vote = jax.jit(ensembles.majority_vote)
confidence_weighted_vote = jax.jit(ensembles.confidence_weighted_vote)
mean_probability = jax.jit(ensembles.mean_probability)
fit_combiner = jax.jit(ensembles.fit_combiner)
majority_error = jax.jit(ensembles.majority_error, static_argnums=1)


def close(actual, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), actual, expected
    )


def test_members_of_one_program_equal_members_trained_alone():
    together = jax.device_get(bagged(KEYS).params)
    for m, key in enumerate(KEYS):
        close(jax.tree.map(lambda leaf, m=m: leaf[m], together), member(key).params)


def test_members_side_by_side_equal_members_in_turn():
    close(jax.jit(jax.vmap(member))(KEYS).params, bagged(KEYS).params)


def test_a_bootstrap_sample_is_rows_that_repeat():
    counts = np.array(bootstrap(KEYS[0], 12))
    rows = np.repeat(np.arange(12), counts.astype(int))
    assert len(rows) == 12
    assert len(set(rows)) < 12
    repeated = {name: array[rows] for name, array in ARRAYS.items()} | {"mask": np.ones(12)}
    close(fit_one(KEYS[1], counts).params, fit_on(KEYS[1], repeated).params)


def test_a_bootstrap_sample_leaves_out_what_chance_says():
    draw = jax.jit(
        lambda key: jax.vmap(lambda k: ensembles.bootstrap(k, 50))(jax.random.split(key, 400))
    )
    counts = np.asarray(draw(KEYS[0]))
    histogram = [float((counts == times).mean()) for times in range(4)]
    np.testing.assert_allclose(histogram, stats.binom.pmf(range(4), 50, 1 / 50), atol=0.01)


def test_members_with_one_key_and_one_sample_gain_nothing():
    same = bagged(KEYS[np.zeros(3, int)])

    @jax.jit
    def said(params):
        outputs = jax.vmap(lambda params: TASK.predict(params, {}, ARRAYS))(params)
        return outputs[0].argmax(-1), ensembles.majority_vote(jax.nn.softmax(outputs)).argmax(-1)

    one, vote = said(same.params)
    np.testing.assert_array_equal(vote, one)


def test_samme_rounds_worked_by_hand():
    """Four examples; one in four, then one in six, then three in ten are missed."""
    alpha, weights = samme(np.full(4, 0.25, np.float32), jnp.array([1, 0, 0, 0]), 2)
    np.testing.assert_allclose(alpha, np.log(3), rtol=1e-6)
    np.testing.assert_allclose(weights, [1 / 2, 1 / 6, 1 / 6, 1 / 6], rtol=1e-6)
    alpha, weights = samme(weights, jnp.array([0, 1, 0, 0]), 2)
    np.testing.assert_allclose(alpha, np.log(5), rtol=1e-6)
    np.testing.assert_allclose(weights, [0.3, 0.5, 0.1, 0.1], rtol=1e-6)
    alpha, _ = samme(weights, jnp.array([1, 0, 0, 0]), 3)
    np.testing.assert_allclose(alpha, np.log(7 / 3) + np.log(2), rtol=1e-5)


def test_samme_of_a_faultless_member_and_of_one_that_guesses():
    alpha, weights = samme(jnp.array([0.7, 0.3]), jnp.array([0, 0]), 2)
    np.testing.assert_allclose(alpha, np.log(3), rtol=1e-6)  # err = 1 / 2N = 1/4
    np.testing.assert_allclose(weights, [0.7, 0.3], rtol=1e-6)
    alpha, weights = samme(jnp.array([0.7, 0.3]), jnp.array([1, 0]), 2)
    assert alpha == 0
    np.testing.assert_allclose(weights, [0.5, 0.5])


X = GENERATOR.normal(size=(40, 2))
LABELS = np.digitize(X[:, 0] + 0.7 * X[:, 1] + 0.4 * GENERATOR.normal(size=40), [-0.5, 0.6])
TARGETS = np.sin(2 * X[:, 0]) + X[:, 1]


def stump(sides, score):
    """The split `x[:, d] <= cut` of the lowest score, as each example's value `[N, K]`.

    sides: `[N, K]` summed on each side of a split; score: of these sums, for both sides.
    """
    ordered = np.sort(X, axis=0)
    cuts = (ordered[1:] + ordered[:-1]) / 2
    left = jnp.asarray(X[None] <= cuts[:, None], float)  # [cut, N, D]
    sums = jnp.stack([jnp.einsum("tnd,nk->tdk", part, sides) for part in (left, 1 - left)])
    cut, feature = jnp.unravel_index(jnp.argmin(score(sums)), (39, 2))
    is_left = left[cut, :, feature].astype(int)
    return sums[1 - is_left, cut, feature]


def test_adaboost_of_stumps_is_that_of_sklearn():
    keys, one_hot = jax.random.split(KEYS[0], 6), np.eye(3)[LABELS]

    def gini(sums):
        total = sums.sum(-1)
        return (total - (sums**2).sum(-1) / total).sum(0)

    def fit(key, weights):
        return stump(one_hot * weights[:, None], gini)

    @jax.jit
    def boosted(keys):
        members, alphas = ensembles.adaboost(fit, lambda m: m, keys, jnp.asarray(LABELS), 3)
        return alphas, ensembles.majority_vote(members, alphas)

    with jax.enable_x64(True):
        alphas, votes = boosted(keys)
    reference = AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=6)
    reference.fit(X, LABELS)
    np.testing.assert_allclose(alphas, reference.estimator_weights_, rtol=1e-5)
    np.testing.assert_array_equal(np.argmax(votes, axis=-1), reference.predict(X))


def test_gradient_boosting_of_stumps_is_that_of_sklearn():
    def squared(sums):
        return (-(sums[..., 0] ** 2) / sums[..., 1]).sum(0)

    def fit(key, targets):
        sums = stump(jnp.concatenate([targets, jnp.ones_like(targets)], 1), squared)
        return sums[:, :1] / sums[:, 1:]

    def half_squared(outputs, y):
        return (outputs[:, 0] - y) ** 2 / 2

    keys = jax.random.split(KEYS[0], 6)

    @jax.jit
    def boosted(keys):
        start, y = jnp.array([TARGETS.mean()]), jnp.asarray(TARGETS)
        members = ensembles.gradient_boosting(
            fit, lambda m: m, keys, y, start=start, rate=0.3, loss=half_squared
        )
        return ensembles.additive(members, start, 0.3)[:, 0]

    with jax.enable_x64(True):
        outputs = boosted(keys)
    reference = GradientBoostingRegressor(n_estimators=6, learning_rate=0.3, max_depth=1)
    np.testing.assert_allclose(outputs, reference.fit(X, TARGETS).predict(X), rtol=1e-6)


def test_gradient_boosting_descends_the_cross_entropy():
    """A member that is its targets: F ← F + rate·(one-hot − softmax F)."""
    from jaxdl import losses

    start = jnp.array([0.2, -0.1, 0.5])

    @jax.jit
    def boosted(keys):
        members = ensembles.gradient_boosting(
            lambda key, targets: targets,
            lambda member: member,
            keys,
            jnp.asarray(ARRAYS["y"]),
            start=start,
            rate=0.5,
            loss=losses.softmax_cross_entropy,
        )
        return ensembles.additive(members, start, 0.5)

    outputs = np.tile(np.array(start), (12, 1))
    for _ in KEYS:
        outputs += 0.5 * (np.eye(3)[ARRAYS["y"]] - special.softmax(outputs, axis=1))
    np.testing.assert_allclose(boosted(KEYS), outputs, rtol=1e-5)


@pytest.mark.parametrize("say", [None, (0.5, 2.0, 1.0)])
def test_votes_are_those_of_sklearn(say):
    x, y = load_iris(return_X_y=True)
    models = [LogisticRegression(max_iter=500), GaussianNB(), DecisionTreeClassifier(max_depth=2)]
    named = [(str(m), model) for m, model in enumerate(models)]
    hard = VotingClassifier(named, weights=say).fit(x[::2, :2], y[::2])
    probabilities = np.array([m.predict_proba(x[:, :2]) for m in hard.estimators_], np.float32)
    votes = majority_vote(probabilities, None if say is None else jnp.array(say))
    np.testing.assert_array_equal(np.argmax(votes, axis=-1), hard.predict(x[:, :2]))
    if say is None:
        soft = VotingClassifier(named, voting="soft").fit(x[::2, :2], y[::2])
        mean = mean_probability(probabilities)
        np.testing.assert_allclose(mean, soft.predict_proba(x[:, :2]), atol=1e-6)


def test_three_votes_worked_by_hand():
    """Two lukewarm members for class 1, one that is sure of class 0."""
    p = jnp.array([[[0.4, 0.6]], [[0.45, 0.55]], [[0.99, 0.01]]])
    np.testing.assert_allclose(majority_vote(p), [[1 / 3, 2 / 3]], rtol=1e-6)
    np.testing.assert_allclose(confidence_weighted_vote(p), [[0.99 / 2.14, 1.15 / 2.14]], rtol=1e-6)
    np.testing.assert_allclose(mean_probability(p), [[1.84 / 3, 1.16 / 3]], rtol=1e-6)


def probabilities_of(members, examples, classes):
    logits = GENERATOR.normal(size=(members, examples, classes))
    logits += 1.5 * np.eye(classes)[np.arange(examples) % classes]
    return special.softmax(logits, axis=-1), np.arange(examples) % classes


def test_the_combiner_of_two_classes_is_logistic_regression():
    p, y = probabilities_of(4, 60, 2)
    p[:, 3:9] = p[:, 3:9, ::-1]
    combiner = jax.device_get(fit_combiner(p.astype(np.float32), y, np.ones(60, np.float32), 0.5))
    log_odds = np.log(p[..., 1] / p[..., 0]).T
    reference = LogisticRegression(C=2.0, tol=1e-8).fit(log_odds, y)
    np.testing.assert_allclose(combiner.weights, reference.coef_[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(combiner.bias[1], reference.intercept_[0], rtol=1e-3, atol=1e-4)


def test_the_combiner_of_three_classes_is_the_minimum_and_ignores_padding():
    p, y = probabilities_of(4, 30, 3)
    mask = (np.arange(30) < 24).astype(np.float32)

    def objective(flat):
        logits = np.einsum("m,mbk->bk", flat[:4], np.log(p)) + np.array([0, *flat[4:]])
        nats = special.logsumexp(logits, axis=1) - logits[np.arange(30), y]
        return nats[:24].sum() + flat[:4] @ flat[:4] / 2

    expected = optimize.minimize(objective, np.zeros(6)).x
    p[:, 24:] = 1.0
    combiner = fit_combiner(p.astype(np.float32), y, mask)
    np.testing.assert_allclose(combiner.weights, expected[:4], atol=1e-3)
    np.testing.assert_allclose(combiner.bias, [0, *expected[4:]], atol=1e-3)


def test_the_majority_errs_as_the_binomial_law_says():
    """All 2⁵ ways in which five members may be right or wrong, each at its probability."""
    error = 0.3
    wrong = np.array(list(itertools.product([0, 1], repeat=5)))
    votes = majority_vote(np.eye(2, dtype=np.float32)[wrong.T])
    chance = (error**wrong * (1 - error) ** (1 - wrong)).prod(axis=1)
    total = chance[np.argmax(votes, axis=-1) == 1].sum()
    np.testing.assert_allclose(majority_error(error, 5), total, rtol=1e-5)
    errors = np.array([0.1, 0.5, 0.6])
    expected = stats.binom.sf(5, 11, errors)
    np.testing.assert_allclose(majority_error(errors, 11), expected, rtol=1e-5)


def test_an_even_number_has_no_majority():
    with pytest.raises(ValueError, match="odd number of members, not 4"):
        ensembles.majority_error(0.3, 4)


def test_a_nan_is_no_vote():
    said = jnp.array([[[0.2, 0.8]], [[jnp.nan, jnp.nan]], [[0.6, 0.4]]])
    np.testing.assert_allclose(majority_vote(said), [[0.5, 0.5]])
    weighted = confidence_weighted_vote(said)
    np.testing.assert_allclose(weighted, [[0.6 / 1.4, 0.8 / 1.4]], rtol=1e-6)
