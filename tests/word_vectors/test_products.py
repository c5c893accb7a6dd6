import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.word_vectors import products

RNG = np.random.default_rng(0)
HIDDEN, ROWS, WEIGHTS, SLOPES = (
    RNG.normal(size=shape).astype(np.float32)
    for shape in ((2, 3, 4), (2, 5, 4), (2, 3, 5), (2, 3, 4))
)


@jax.jit
def found():
    scores, pull_scores = jax.vjp(products.scores, HIDDEN, ROWS)
    sums, pull_sums = jax.vjp(products.sums, WEIGHTS, ROWS)
    return scores, pull_scores(jnp.asarray(WEIGHTS)), sums, pull_sums(jnp.asarray(SLOPES))


def test_products_and_their_gradients_are_sums_over_indices():
    scores, (of_hidden, of_rows), sums, (of_weights, of_summed) = found()
    expected = {"mad,mnd->man": (scores, HIDDEN, ROWS), "man,mnd->mad": (sums, WEIGHTS, ROWS)}
    for indices, (value, a, b) in expected.items():
        np.testing.assert_allclose(value, np.einsum(indices, a, b), rtol=1e-5, atol=1e-6)
    near = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(of_hidden, np.einsum("man,mnd->mad", WEIGHTS, ROWS), **near)
    np.testing.assert_allclose(of_rows, np.einsum("man,mad->mnd", WEIGHTS, HIDDEN), **near)
    np.testing.assert_allclose(of_summed, np.einsum("man,mad->mnd", WEIGHTS, SLOPES), **near)
    assert not of_weights.any()
