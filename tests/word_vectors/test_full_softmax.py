import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.word_vectors import full_softmax
from jaxdl.word_vectors.windows import Blocks

WORDS = np.array([[0, 3, 1, 2]])
NEAR = np.array([[[1, 0, 1, 0], [0, 1, 0, 1]]], np.float32)  # centres are the words 3 and 1
RNG = np.random.default_rng(0)


def test_a_step_descends_the_log_probabilities_of_the_neighbours():
    tables = {
        name: jnp.asarray(RNG.normal(size=(5, 3)), jnp.float32) for name in ("input", "output")
    }

    def by_hand(tables):
        pairs = ((3, 0), (3, 1), (1, 3), (1, 2))
        logits = tables["input"] @ tables["output"].T
        return -sum(jax.nn.log_softmax(logits[centre])[word] for centre, word in pairs)

    blocks = Blocks(jnp.asarray(WORDS), jnp.asarray(NEAR))
    hidden = tables["input"][blocks.centres]
    value = full_softmax.loss(hidden, tables["output"], blocks.words, blocks.near)
    np.testing.assert_allclose(value, by_hand(tables), rtol=1e-5)
    expected = jax.tree.map(lambda x, g: x - 0.1 * g, tables, jax.grad(by_hand)(tables))
    found = full_softmax.step(tables, blocks, 0.1)
    for name, table in expected.items():
        np.testing.assert_allclose(found[name], table, rtol=1e-4, atol=1e-6)
