import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers import embedding
from jaxdl.models.window import WindowClassifier

KEY = jax.random.key(0)
X = jnp.array([[0, 3, 1, 1], [2, 2, 4, 0]])


def model(combine):
    return WindowClassifier(5, 3, combine, 6, 2)


@pytest.mark.parametrize("combine", [embedding.total, embedding.mean])
def test_a_sum_knows_no_order(combine):
    logits, variables = model(combine).init_with_output(KEY, X)
    shuffled = model(combine).apply(variables, X[:, jnp.array([2, 0, 3, 1])])
    np.testing.assert_allclose(shuffled, logits, rtol=1e-5, atol=1e-6)


def test_concatenation_does_and_is_the_formula():
    logits, variables = model(embedding.concatenation).init_with_output(KEY, X)
    params = jax.tree.map(np.asarray, variables["params"])
    rows = params["words"]["embedding"][np.asarray(X)].reshape(2, 12)
    hidden = np.maximum(rows @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"], 0)
    expected = hidden @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    shuffled = model(embedding.concatenation).apply(variables, X[:, ::-1])
    assert float(jnp.abs(shuffled - logits).max()) > 0.1
