import jax
import numpy as np
import pytest

from jaxdl.models import CNN, Siamese

KEY = jax.random.key(0)
X = np.random.default_rng(0).standard_normal((4, 2, 8, 8, 1), np.float32)
MODEL = Siamese(CNN(((2,), (3,)), 5))


@pytest.fixture(scope="module")
def variables():
    return jax.jit(lambda: MODEL.init(KEY, X, train=False))()


@pytest.fixture(scope="module")
def embed():
    embed = jax.jit(lambda variables, x: MODEL.apply(variables, x, train=False))
    return lambda variables, x: np.asarray(embed(variables, x))


def test_members_change_places_and_embeddings_with_them(variables, embed):
    there, back = embed(variables, X), embed(variables, X[:, ::-1])
    assert there.shape == (4, 2, 5)
    np.testing.assert_allclose(there, back[:, ::-1], atol=1e-6)
    assert np.abs(there[:, 0] - there[:, 1]).max() > 0.1


def test_equal_members_have_equal_embeddings_whatever_the_other_one(variables, embed):
    others = X * np.array([1, 0], np.float32)[:, None, None, None]
    np.testing.assert_allclose(embed(variables, others)[:, 0], embed(variables, X)[:, 0], atol=1e-6)


def test_there_is_one_encoder(variables, embed):
    """Its own parameters, and those alone: 3·3·1·2 + 2, 3·3·2·3 + 3, 2·2·3·5 + 5."""
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == 20 + 57 + 65
    encoder = CNN(((2,), (3,)), 5)
    alone = jax.jit(lambda params: encoder.apply({"params": params}, X[:, 0], train=False))(
        variables["params"]["encoder"]
    )
    np.testing.assert_allclose(alone, embed(variables, X)[:, 0], rtol=1e-5, atol=1e-6)
