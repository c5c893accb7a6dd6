import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks
from jaxdl.tasks._nearest_word import DISTANCES, words

TABLE = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)


class Given(nn.Module):
    """Its input."""

    @nn.compact
    def __call__(self, x):
        return x


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_nearest_of_an_exact_vector_is_the_word(distance):
    task = tasks.nearest_word(Given(), TABLE, distance)
    batch = {"x": jnp.asarray(TABLE), "y": jnp.arange(9)}
    loss, (_, measured) = task.loss({}, {}, batch, jax.random.key(0), train=False)
    np.testing.assert_allclose(loss, 0, atol=1e-6)
    assert measured["accuracy"] == (9, 9)


def test_losses_by_hand():
    batch = {"x": jnp.array([[3.0, 0, 4, 0]]), "y": jnp.array([0])}
    table = np.array([[0, 0, 2, 0], [3, 0, 4, 1]], np.float32)
    for distance, expected, right in (("cosine", 1 - 0.8, 0), ("squared", 9 + 4, 0)):
        task = tasks.nearest_word(Given(), table, distance)
        loss, (_, measured) = task.loss({}, {}, batch, jax.random.key(0), train=False)
        np.testing.assert_allclose(loss, expected, rtol=1e-6)
        assert measured["accuracy"] == (right, 1)


def test_the_two_distances_may_choose_another_word():
    outputs, table = jnp.array([[1.0, 0.0]]), jnp.array([[10.0, 0.0], [1.0, 0.5]])
    assert words(outputs, table, "cosine") == 0
    assert words(outputs, table, "squared") == 1


def test_another_distance_is_refused():
    with pytest.raises(ValueError, match="distance: 'manhattan' is none of cosine, squared"):
        tasks.nearest_word(Given(), TABLE, "manhattan")
