import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from scipy.spatial.distance import cdist

from jaxdl.losses import contrastive, margin_ranking, pairwise_logistic, triplet

RNG = np.random.default_rng(0)
SCORES = 2 * RNG.normal(size=(2, 12))
EMBEDDINGS = RNG.normal(size=(3, 12, 4)) * 0.5
SAME = RNG.integers(0, 2, 12).astype(float)

# Every loss as a function of what it is differentiated by.
LOSSES = {
    "margin_ranking": (margin_ranking, SCORES),
    "pairwise_logistic": (pairwise_logistic, SCORES),
    "triplet": (triplet, EMBEDDINGS),
    "contrastive": (lambda a, b: contrastive(a, b, jnp.asarray(SAME, a.dtype)),
                    EMBEDDINGS[:2]),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_equal_finite_differences(name):
    loss, arguments = LOSSES[name]
    with jax.enable_x64(True):

        @jax.jit
        def both(point):
            values = lambda arguments: loss(*arguments).sum()  # noqa: E731
            steps = 1e-6 * jnp.eye(point.size).reshape(-1, *point.shape)
            up, down = (jax.vmap(values)(point[None] + sign * steps) for sign in (1, -1))
            return jax.grad(values)(point).ravel(), (up - down) / 2e-6

        gradient, slopes = both(np.asarray(arguments))
        np.testing.assert_allclose(gradient, slopes, atol=1e-8)


def test_values_equal_scipy_one_for_each_example():
    preferred, other = SCORES
    lead = preferred - other

    @jax.jit
    def every(arguments):
        return {name: loss(*arguments[name]) for name, (loss, _) in LOSSES.items()}

    with jax.enable_x64(True):
        values = jax.device_get(every({name: given for name, (_, given) in LOSSES.items()}))
    np.testing.assert_allclose(values["pairwise_logistic"], -scipy.special.log_expit(lead))
    np.testing.assert_allclose(values["margin_ranking"], np.where(lead < 1, 1 - lead, 0))
    anchor, positive, negative = EMBEDDINGS
    near, far = (np.diagonal(cdist(anchor, points)) for points in (positive, negative))
    np.testing.assert_allclose(values["triplet"], np.clip(near**2 - far**2 + 0.2, 0, None))
    apart = np.clip(1 - near, 0, None) ** 2 / 2
    np.testing.assert_allclose(values["contrastive"], np.where(SAME == 1, near**2 / 2, apart))


def test_pairs_by_hand():
    """Points at distance 5 (3-4-5): too far for a pair, far enough for strangers at margin 4."""

    @jax.jit
    def run(origin, point):
        return (
            contrastive(origin, point, jnp.array([1.0, 0.0]), margin=7.0),
            contrastive(origin[0], point[0], jnp.array(0.0), margin=4.0),
            triplet(origin[0], origin[0], point[0], margin=30.0),
            triplet(origin[0], origin[0], point[0]),
            margin_ranking(jnp.array([2.0, 1.0, 0.0]), jnp.array([0.0, 1.0, 2.0]), 0.5),
        )

    pairs, *singles, ranked = run(np.zeros((2, 2)), np.array([[3.0, 4.0], [3.0, 4.0]]))
    np.testing.assert_allclose(pairs, [12.5, 2.0])
    assert list(map(float, singles)) == [0, 5, 0]
    np.testing.assert_allclose(ranked, [0.0, 0.5, 2.5])


def test_only_the_order_of_scores_counts():
    preferred, other = SCORES.astype(np.float32)
    for loss in map(jax.jit, (margin_ranking, pairwise_logistic)):
        np.testing.assert_allclose(
            loss(preferred + 8, other + 8), loss(preferred, other), atol=2e-6
        )


def test_gradients_are_finite_where_embeddings_collapse():
    point = jnp.ones((2, 3))
    same = jnp.array([1.0, 0.0])

    @jax.jit
    def slopes(x):
        by_pair = jax.grad(lambda x: contrastive(x, point, same).sum())(x)
        return by_pair, jax.grad(lambda x: triplet(x, point, point).sum())(x)

    by_pair, by_triplet = slopes(point)
    np.testing.assert_array_equal(by_pair, np.zeros((2, 3)))
    np.testing.assert_array_equal(by_triplet, np.zeros((2, 3)))


def test_logistic_loss_stays_finite_for_any_lead():
    scores = jnp.array([1e4, -1e4])
    both = jax.jit(lambda z: jax.vmap(jax.value_and_grad(pairwise_logistic))(z, -z))
    values, gradients = both(scores)
    np.testing.assert_allclose(values, [0.0, 2e4])
    np.testing.assert_allclose(gradients, [0.0, -1.0])


def test_margins_may_be_traced():
    margins = (0.5, 1.0)

    @jax.jit
    def both(preferred, other):
        traced = jax.vmap(lambda margin: margin_ranking(preferred, other, margin))
        known = [margin_ranking(preferred, other, margin) for margin in margins]
        return traced(jnp.array(margins)), known

    for values, expected in zip(*map(np.asarray, both(*SCORES.astype(np.float32))), strict=True):
        np.testing.assert_allclose(values, expected)


@pytest.mark.parametrize("name", LOSSES)
def test_other_shapes_are_refused_instead_of_broadcast(name):
    loss, (first, *others) = LOSSES[name]
    with pytest.raises(ValueError, match="one shape"):
        loss(jnp.asarray(first)[:1], *map(jnp.asarray, others))


def test_labels_of_pairs_have_the_shape_of_the_batch():
    first, second, _ = map(jnp.asarray, EMBEDDINGS)
    with pytest.raises(ValueError, match="`same` has shape"):
        contrastive(first, second, jnp.asarray(SAME)[:, None])


def test_pairs_of_no_kind_are_nan():
    """−1 for "different" would push what belongs together, by the formula."""
    same = jnp.array([-1.0, 2.0, jnp.nan, 0.5])
    apart = np.zeros((4, 2)), np.ones((4, 2))
    values = jax.jit(lambda *points: contrastive(*points, same, margin=2.0))(*apart)
    expected = [np.nan] * 3 + [(2 + (2 - 2**0.5) ** 2) / 4]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
