import jax
import numpy as np
import pytest

from jaxdl.models import TableNetwork

SIZES = (4, 3)
X = np.array([[0.5, -1, 0, 1, 2, 0], [1, 2, 0, 0, 3, 1]], np.float32)


def test_an_embedding_is_the_product_of_one_hot_and_a_matrix():
    one_hot = TableNetwork(SIZES, 2, (5,), embedded=0)
    embedded = TableNetwork(SIZES, 2, (5,), embedded=2)

    @jax.jit
    def run(key):
        params = embedded.init(key, X, train=False)["params"]
        kernel = params["mlp"]["Dense_0"]["kernel"]
        numbers, first, second = kernel[:4], kernel[4:6], kernel[6:]
        tables = [params[f"category_{column}"]["embedding"] for column in (0, 1)]
        rows = [numbers, tables[0] @ first, tables[1] @ second]
        whole = {**params["mlp"]["Dense_0"], "kernel": jax.numpy.concatenate(rows)}
        same = {"mlp": {**params["mlp"], "Dense_0": whole}}
        return (
            embedded.apply({"params": params}, X, train=False),
            one_hot.apply({"params": same}, X, train=False),
        )

    by_vectors, by_matrix = run(jax.random.key(0))
    np.testing.assert_allclose(by_vectors, by_matrix, rtol=1e-5, atol=1e-6)


def test_vectors_are_no_wider_than_half_the_categories():
    model = TableNetwork((5, 100), 1, (3,), embedded=8)
    rows = np.zeros((1, 4), np.float32)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), rows, train=False))["params"]
    assert shapes["category_0"]["embedding"].shape == (5, 3)
    assert shapes["category_1"]["embedding"].shape == (100, 8)


@pytest.mark.parametrize("embedded", [0, 2])
def test_a_category_that_was_never_seen_says_nothing(embedded):
    """Whatever the seed: what reaches the network is as if the column were not there."""
    model = TableNetwork(SIZES, 2, (), embedded=embedded)
    unseen = np.array([[0.5, -1, 0, 1, 1, 1]], np.float32)

    @jax.jit
    def run(key):
        params = model.init(key, unseen, train=False)["params"]
        last = params["mlp"]["Dense_0"]
        return model.apply({"params": params}, unseen, train=False), unseen[:, :4] @ last["kernel"][
            :4
        ]

    for found, of_numbers in map(run, jax.random.split(jax.random.key(0), 3)):
        np.testing.assert_allclose(found, of_numbers, rtol=1e-5, atol=1e-6)
