import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from jaxdl import similarity

MATRIX = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
QUERIES = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)
cosine = jax.jit(similarity.cosine)
nearest = jax.jit(similarity.nearest, static_argnums=2)
analogy = jax.jit(similarity.analogy, static_argnames="k")
to_group = jax.jit(similarity.to_group)


def test_cosine_is_that_of_sklearn():
    expected = np.diagonal(cosine_similarity(MATRIX[:5], QUERIES))
    np.testing.assert_allclose(cosine(MATRIX[:5], QUERIES), expected, rtol=1e-5)


def test_cosine_by_hand():
    a = jnp.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0], [1e30, 1e30], [1e-30, 0.0]])
    b = jnp.array([[4.0, 3.0], [-2.0, 0.0], [1.0, 1.0], [1e-30, 0.0], [1e-30, 0.0]])
    np.testing.assert_allclose(cosine(a, b), [24 / 25, -1, 0, 2**-0.5, 1], rtol=1e-6, atol=1e-7)


def test_vectors_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        similarity.cosine(MATRIX, QUERIES)


def test_nearest_are_those_of_sklearn():
    reference = NearestNeighbors(n_neighbors=7, metric="cosine").fit(MATRIX)
    distances, rows = reference.kneighbors(QUERIES)
    cosines, found = nearest(MATRIX, QUERIES, 7)
    np.testing.assert_array_equal(found, rows)
    np.testing.assert_allclose(cosines, 1 - distances, atol=1e-5)


def test_nearest_leaves_out_what_is_excluded():
    excluded = np.arange(5)[:, None]
    rows = np.asarray(nearest(MATRIX, MATRIX[:5], 3)[1])
    assert rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    _, others = nearest(MATRIX, MATRIX[:5], 2, excluded)
    np.testing.assert_array_equal(others, rows[:, 1:])


def test_fewer_rows_than_asked_for_end_in_minus_infinity():
    cosines, _ = nearest(MATRIX[:3], MATRIX[:1], 3, jnp.array([[0, 2]]))
    assert np.isneginf(cosines).tolist() == [[False, True, True]]


def test_similarity_to_a_group_is_the_mean_over_its_members():
    group = np.array([3, 8, 8, 20])
    expected = cosine_similarity(MATRIX, MATRIX[group]).mean(axis=1)
    np.testing.assert_allclose(to_group(MATRIX, group), expected, atol=1e-6)


def test_analogy_by_hand():
    """Man is to king as woman is to queen."""
    man, woman, king, queen, apple = np.eye(5, 4, dtype=np.float32)
    words = np.array([man, woman, man + king, woman + king, queen, apple])
    cosines, found = jax.device_get(analogy(words, *map(jnp.array, ([0], [2], [1]))))
    assert found.tolist() == [[3]]
    # b − a + c = (s − 1, 1, s, 0) with s = 1/√2, the answer (0, 1, 1, 0)·s.
    s = 2**-0.5
    assert float(cosines[0, 0]) == pytest.approx(
        s * (1 + s) / np.sqrt((s - 1) ** 2 + 1 + s**2), rel=1e-5
    )


def test_analogies_are_the_search_written_out():
    a, b, c = np.array([[0, 5], [1, 6], [2, 7]])
    rows = MATRIX / np.linalg.norm(MATRIX, axis=1, keepdims=True)
    scores = cosine_similarity(rows[b] - rows[a] + rows[c], rows)
    for question, words in enumerate(zip(a, b, c, strict=True)):
        scores[question, list(words)] = -2
    _, found = analogy(MATRIX, a, b, c, k=4)
    np.testing.assert_array_equal(found, np.argsort(-scores, axis=1)[:, :4])


def test_places_that_do_not_exist():
    """−1 excludes nothing, and is not the last row; what holds a NaN is nobody's neighbour."""
    matrix = np.array([[1.0, 0], [1, 1], [np.nan, 1], [0, 1]], np.float32)
    query = jnp.array([[0.0, 1.0]])
    assert nearest(matrix, query, 3, jnp.array([[-1, 9]]))[1].tolist() == [[3, 1, 0]]
    cosines, _ = nearest(matrix, query, 4)
    np.testing.assert_allclose(cosines, [[1, 2**-0.5, 0, -np.inf]], rtol=1e-6)
    assert np.isnan(to_group(matrix[:2], jnp.array([0, -1]))).all()
    cosines, _ = analogy(matrix[:2], *np.array([[0], [-1], [1]]))
    assert np.isneginf(cosines).all()


def test_the_share_whose_nearest_is_of_their_group():
    vectors = jnp.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.05]], jnp.float32)
    groups, mask = jnp.array([0, 0, 1, 0, 1]), jnp.array([1.0, 1, 1, 1, 0])
    # The last would be nearest to the first two, but does not count.
    found = jax.jit(similarity.same_group)({"all": vectors}, groups, mask)
    assert {name: float(share) for name, share in found.items()} == {"all": 0.5}
