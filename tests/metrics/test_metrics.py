import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl import metrics

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(size=(60, 6)).astype(np.float32)
LABELS = RNG.choice(5, 60)  # class 5 is predicted but never present
WEIGHT = RNG.choice([0.0, 1.0, 0.5], 60).astype(np.float32)
PREDICTED = LOGITS.argmax(axis=1)
TARGETS = RNG.normal(size=60).astype(np.float32)
ESTIMATES = (TARGETS + 0.3 * RNG.normal(size=60) + 0.2).astype(np.float32)

# name -> arrays by example, and (arrays, weight) -> pair
PAIRS = {
    "mean": ((TARGETS,), metrics.mean),
    "accuracy": ((LOGITS, LABELS), metrics.accuracy),
    "top_k_accuracy": (
        (LOGITS, LABELS),
        lambda logits, labels, weight: metrics.top_k_accuracy(logits, labels, weight, 3),
    ),
    "confusion": (
        (PREDICTED, LABELS),
        lambda predicted, labels, weight: metrics.confusion(predicted, labels, weight, 6),
    ),
    "coverage": ((TARGETS - 1, TARGETS + ESTIMATES, ESTIMATES), metrics.coverage),
    "moments": ((ESTIMATES, TARGETS), metrics.moments),
}
OF_CONFUSION = {
    "precision": (metrics.precision, sklearn.metrics.precision_score),
    "recall": (metrics.recall, sklearn.metrics.recall_score),
    "f1": (metrics.f1, sklearn.metrics.f1_score),
}


confusion = jax.jit(metrics.confusion, static_argnums=3)


def finish(pair):
    total, weight = map(np.asarray, pair)
    return total / weight


def test_means_against_numpy_and_sklearn():
    expected = np.average(TARGETS, weights=WEIGHT)
    pair = jax.jit(metrics.mean)(TARGETS, WEIGHT)
    np.testing.assert_allclose(finish(pair), expected, rtol=1e-5)
    expected = sklearn.metrics.accuracy_score(LABELS, PREDICTED, sample_weight=WEIGHT)
    value = finish(jax.jit(metrics.accuracy)(LOGITS, LABELS, WEIGHT))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_top_k_accuracy_against_sklearn(k):
    seen = LABELS.copy()
    seen[:6] = np.arange(6)  # sklearn wants every class present
    expected = (
        sklearn.metrics.top_k_accuracy_score(
            seen, LOGITS, k=k, sample_weight=WEIGHT, labels=np.arange(6)
        )
        if k < 6
        else 1.0
    )
    value = finish(jax.jit(metrics.top_k_accuracy, static_argnums=3)(LOGITS, seen, WEIGHT, k))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_top_1_of_ties_is_the_first_class():
    both = jax.jit(
        lambda *given: (metrics.top_k_accuracy(*given, 1)[0], metrics.accuracy(*given)[0])
    )
    ties = np.zeros((2, 3), np.float32), np.array([0, 2]), np.ones(2, np.float32)
    assert list(map(float, both(*ties))) == [1, 1]


def test_confusion_against_sklearn():
    counts, weight = confusion(PREDICTED, LABELS, WEIGHT, 6)
    expected = sklearn.metrics.confusion_matrix(
        LABELS, PREDICTED, sample_weight=WEIGHT, labels=range(6)
    )
    np.testing.assert_allclose(counts, expected, rtol=1e-6)
    np.testing.assert_allclose(weight, WEIGHT.sum(), rtol=1e-6)


@pytest.mark.parametrize("name", OF_CONFUSION)
def test_scores_of_classes_against_sklearn(name):
    ours, theirs = OF_CONFUSION[name]
    pair = confusion(PREDICTED, LABELS, WEIGHT, 6)
    expected = theirs(
        LABELS, PREDICTED, sample_weight=WEIGHT, labels=range(6), average=None, zero_division=0
    )
    assert expected[5] == 0
    np.testing.assert_allclose(ours(pair[0]), expected, rtol=1e-5)
    np.testing.assert_allclose(ours(finish(pair)), expected, rtol=1e-5)


def test_scores_of_an_absent_class_have_no_nan():
    confused = jnp.array([[3.0, 0.0], [0.0, 0.0]])
    for score, _ in OF_CONFUSION.values():
        np.testing.assert_array_equal(score(confused), [1, 0])


def test_an_example_of_no_class_is_in_no_cell():
    counts, weight = confusion(np.array([0, 1]), np.array([-1, 1]), np.ones(2, np.float32), 2)
    np.testing.assert_array_equal(counts, [[0, 0], [0, 1]])
    assert weight == 2


def test_perplexity_of_a_uniform_guess_is_the_number_of_choices():
    nats = jnp.float32(10 * np.log(50.0))
    np.testing.assert_allclose(metrics.perplexity(nats, jnp.float32(10)), 50, rtol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.r2, sklearn.metrics.r2_score),
        (metrics.rmse, sklearn.metrics.root_mean_squared_error),
        (metrics.explained_variance, sklearn.metrics.explained_variance_score),
    ],
)
def test_regression_scores_against_sklearn(ours, theirs):
    expected = theirs(TARGETS, ESTIMATES, sample_weight=WEIGHT)
    pair = jax.device_get(jax.jit(metrics.moments)(ESTIMATES, TARGETS, WEIGHT))
    ours = jax.jit(ours)
    np.testing.assert_allclose(ours(*pair), expected, rtol=1e-5)
    np.testing.assert_allclose(ours(finish(pair), 1.0), expected, rtol=1e-5)
    assert expected < 0.95  # the bias of the estimates shows in r2 only
    np.testing.assert_allclose(
        ours(np.stack([pair[0]] * 2), np.stack([pair[1]] * 2)), expected, 1e-5
    )


@pytest.mark.parametrize("name", PAIRS)
def test_jit_and_lanes_give_the_same(name):
    arrays, metric = PAIRS[name]
    lanes = [np.stack([array, np.roll(array, 1, axis=0)]) for array in (*arrays, WEIGHT)]
    totals, weights = jax.device_get(jax.jit(jax.vmap(metric))(*lanes))
    for lane in range(2):
        total, weight = metric(*(array[lane] for array in lanes))
        np.testing.assert_allclose(totals[lane], total, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(weights[lane], weight, rtol=1e-6)


@pytest.mark.parametrize("name", PAIRS)
@given(split=st.integers(1, 19), junk=st.sampled_from([np.nan, np.inf, -1e30, 3.0]))
@settings(deadline=None, max_examples=20)
def test_batches_padded_with_anything_add_up_to_the_whole(name, split, junk):
    """Any two batches of 20 rows, padded, sum to the pair of the first 20 examples at once."""
    arrays, metric = PAIRS[name]
    compiled = COMPILED.setdefault(name, jax.jit(metric))

    def padded(array, part):
        filler = junk if np.issubdtype(array.dtype, np.floating) else 4
        rows = np.full((20, *array.shape[1:]), filler, array.dtype)
        rows[: len(array[part])] = array[part]
        return rows

    def measured(part):
        weight = np.zeros(20, np.float32)
        weight[: len(WEIGHT[part])] = WEIGHT[part]
        return compiled(*(padded(array, part) for array in arrays), weight)

    whole, first, second = measured(slice(20)), measured(slice(split)), measured(slice(split, 20))
    for expected, a, b in zip(whole, first, second, strict=True):
        np.testing.assert_allclose(a + b, expected, rtol=1e-5, atol=1e-5)


COMPILED = {}


def test_tokens_are_examples():
    logits, labels = LOGITS.reshape(6, 10, 6), LABELS.reshape(6, 10)
    accuracy = jax.jit(metrics.accuracy)
    value = accuracy(logits, labels, WEIGHT.reshape(6, 10))
    np.testing.assert_array_equal(value, accuracy(LOGITS, LABELS, WEIGHT))


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(60, 1\)"):
        metrics.mean(TARGETS, WEIGHT[:, None])


@pytest.mark.parametrize(
    "metric",
    [metrics.accuracy, lambda z, t, w: metrics.top_k_accuracy(z, t, w, 2)],
)
def test_a_nan_or_no_class_is_no_hit(metric):
    nan = np.nan
    logits = jnp.array([[nan, 0, 0], [0, nan, 5.0], [nan, nan, nan], [9.0, 0, 0], [9.0, 0, 0]])
    labels = jnp.array([0, 2, 0, -1, 0])
    run = jax.jit(lambda z: (metric(z, labels, jnp.ones(5)), metrics.likeliest(z)))
    pair, likeliest = run(logits)
    assert [float(part) for part in pair] == [1, 5]
    assert likeliest.tolist() == [-1, -1, -1, 0, 0]


def test_k_beyond_the_classes_is_refused():
    for k in (0, 4):
        with pytest.raises(ValueError, match=f"k {k} is outside 1..3"):
            metrics.top_k_accuracy(jnp.zeros((2, 3)), jnp.zeros(2, int), jnp.ones(2), k)


def test_macro_f1_over_what_is_seen_there_or_possible_is_scikit_learns():
    """Of 8 classes 3 have examples; another one is predicted once."""
    labels = np.array([0, 0, 1, 1, 2, 2, 2])
    predicted = np.array([0, 1, 1, 1, 2, 2, 7])

    @jax.jit
    def macros(confused):
        scores = metrics.f1(confused)
        kept = (metrics.seen(confused), metrics.there(confused), np.zeros(8, bool))
        return scores, [metrics.macro(scores, classes) for classes in kept]

    confused, _ = confusion(predicted, labels, np.ones(7, np.float32), 8)
    scores, (seen, there, nothing) = macros(confused)

    def theirs(labels_counted):
        return sklearn.metrics.f1_score(
            labels, predicted, labels=labels_counted, average="macro", zero_division=0
        )

    np.testing.assert_allclose(seen, theirs(None), rtol=1e-6)
    np.testing.assert_allclose(there, theirs([0, 1, 2]), rtol=1e-6)
    np.testing.assert_allclose(there, (2 / 3 + 4 / 5 + 4 / 5) / 3, rtol=1e-6)
    np.testing.assert_allclose(np.mean(scores), theirs(range(8)), rtol=1e-6)
    assert np.isnan(nothing)


def test_r2_of_targets_far_from_zero_is_right_or_nan():
    """Of a standard deviation of 1 around 3,000 float32 sums of squares keep no digit."""
    rng = np.random.default_rng(0)
    targets = (3000 + rng.normal(size=200)).astype(np.float32)
    estimates = (targets + 0.5 * rng.normal(size=200)).astype(np.float32)
    for ours, theirs in (
        (metrics.r2, sklearn.metrics.r2_score),
        (metrics.explained_variance, sklearn.metrics.explained_variance_score),
    ):
        expected = theirs(targets.astype(float), estimates.astype(float))
        pair = metrics.moments(estimates, targets, jnp.ones(200), centre=2999.0)
        np.testing.assert_allclose(ours(*pair), expected, rtol=1e-5)
        assert np.isnan(ours(*metrics.moments(estimates, targets, jnp.ones(200))))


def test_coverage_by_hand():
    low, high = np.array([0.0, 0, 0, np.nan]), np.array([1.0, 1, 1, 1])
    pair = jax.jit(metrics.coverage)(
        low, high, np.array([1.0, 2, 0.5, 0.5]), np.array([1, 1, 0, 2])
    )
    assert list(map(float, pair)) == [1, 4]
