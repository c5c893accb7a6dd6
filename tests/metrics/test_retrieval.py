import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score

from jaxdl.metrics import retrieval

SCORES = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
ranks = jax.jit(retrieval.ranks)


def test_ranks_by_hand():
    scores = jnp.array([[0.9, 0.1, 0.3], [0.8, 0.2, 0.3], [0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(ranks(scores), [1, 3, 2])


def test_the_mean_reciprocal_rank_is_sklearns():
    """With one relevant candidate, average precision is the reciprocal rank."""
    found = jax.jit(lambda scores: retrieval.measures(retrieval.ranks(scores)))(SCORES)
    expected = label_ranking_average_precision_score(np.eye(20, 30), SCORES)
    assert float(found["mrr"]) == pytest.approx(expected, rel=1e-6)


def test_recall_counts_those_near_the_top():
    found = retrieval.measures(jnp.array([1.0, 2.0, 3.0, 10.0, 11.0]), within=(1, 2, 10))
    assert {name: float(value) for name, value in found.items()} == pytest.approx({
        "recall_1": 0.2, "recall_2": 0.4, "recall_10": 0.8,
        "mrr": (1 + 1 / 2 + 1 / 3 + 1 / 10 + 1 / 11) / 5,
    })  # fmt: skip


def test_a_score_that_tells_nothing_ranks_as_chance_does():
    np.testing.assert_array_equal(ranks(np.zeros((4, 9))), np.full(4, 5.0))
    np.testing.assert_array_equal(ranks(np.full((2, 3), np.nan)), np.full(2, 3.0))


def test_queries_without_their_own_candidate_are_refused():
    with pytest.raises(ValueError, match="3 queries"):
        retrieval.ranks(jnp.zeros((3, 2)))
