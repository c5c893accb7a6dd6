from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.embedding import Embedding
from jaxdl.models import Bag, Dilated, Hierarchical, NGrams, SummedNGrams, TextClassifier

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
BODIES = {
    "bag": Bag(),
    "n-grams": NGrams(3, (2, 4)),
    "n-grams, summed": SummedNGrams(3, (2, 4)),
    "dilated": Dilated(3, (1, 2)),
    "hierarchical": Hierarchical(3, 2),
}
WORDS = np.where(np.arange(7) < [[7], [5], [1]], RNG.integers(1, 9, (3, 7)), 0)


@pytest.mark.parametrize("name", BODIES)
def test_nothing_depends_on_padding(name):
    model = TextClassifier(Embedding(9, 4), BODIES[name], 5)
    variables = jax.jit(partial(model.init, train=False))(KEY, WORDS)
    # A convolution without words is not 0 where it has biases.
    variables = jax.tree.map(lambda leaf: np.asarray(leaf) + np.float32(1), variables)
    apply = jax.jit(partial(model.apply, train=False))
    logits = apply(variables, WORDS)
    longer = apply(variables, np.pad(WORDS, ((0, 0), (0, 4))))
    np.testing.assert_allclose(longer, logits, rtol=1e-5)
    # Padding has a row in the table like any id; it must not be read.
    table = variables["params"]["embedding"]["embedding"].copy()
    table[0] = 99
    params = variables["params"] | {"embedding": {"embedding": table}}
    changed = apply({"params": params}, np.pad(WORDS, ((0, 0), (0, 4))))
    np.testing.assert_array_equal(changed, longer)


def test_what_is_summed_counts_and_the_largest_does_not():
    """A word that is there three times, none beside another: bigrams with nothing behind it."""
    word = np.array([2.0, -1.0], np.float32)
    x = np.zeros((1, 6, 2), np.float32)
    x[0, ::2] = word
    mask = (np.arange(6) % 2 == 0)[None]
    for body, times in ((SummedNGrams(4, (1, 2)), 3), (NGrams(4, (1, 2)), 1)):
        variables = body.init(KEY, x, mask)
        first = [variables["params"][f"convolutions_{n}"]["kernel"][0] for n in range(2)]
        once = np.maximum(word @ np.concatenate(first, axis=1), 0)
        assert (once > 0).any()
        np.testing.assert_allclose(body.apply(variables, x, mask)[0], times * once, rtol=1e-6)


@pytest.mark.parametrize(
    ("body", "field", "middle"),
    [
        (Dilated(2, (1, 2, 4)), 15, 15),
        (Dilated(2, (1, 1), width=5), 9, 15),
        (Hierarchical(2, 3), 22, 2),
    ],
)
def test_the_receptive_field_by_zero_gradients(body, field, middle):
    x = jnp.asarray(RNG.random((64, 32, 2)), jnp.float32)
    mask = np.ones((64, 32))

    @jax.jit
    def gradient(x):
        # No unit may be off, or it would hide what it sees.
        variables = jax.tree.map(jnp.abs, body.init(KEY, x, mask))
        return jax.grad(lambda x: body.apply(variables, x, mask, method="values")[:, middle].sum())(
            x
        )

    # A maximum takes one of two: over many texts, all are seen.
    seen = np.flatnonzero(np.abs(gradient(x)).sum(axis=(0, 2)))
    assert body.receptive_field == field
    np.testing.assert_array_equal(seen, seen[0] + np.arange(field))


def test_n_grams_and_their_places_by_hand():
    model = TextClassifier(Embedding(9, 4), BODIES["n-grams"], 5)
    logits, variables = jax.jit(partial(model.init_with_output, train=False))(KEY, WORDS)
    contributions, starts = jax.jit(partial(model.apply, method="contributions"))(variables, WORDS)
    params = jax.tree.map(np.asarray, variables["params"])
    head = params["logits"]["kernel"]
    expected = np.zeros((3, 6))
    for row, words in enumerate(WORDS):
        x = np.zeros((12, 4))
        x[: np.count_nonzero(words)] = params["embedding"]["embedding"][words[words > 0]]
        for feature in range(6):
            width = (2, 4)[feature // 3]
            kernel = params["body"][f"convolutions_{feature // 3}"]["kernel"][..., feature % 3]
            of_places = [
                max(0, (x[place : place + width] * kernel).sum())
                for place in range(np.count_nonzero(words))
            ]
            expected[row, feature] = max(of_places)
            assert starts[row, feature] == np.argmax(of_places)
    np.testing.assert_allclose(contributions, expected[..., None] * head, atol=1e-5)
    total = np.asarray(contributions).sum(axis=1) + params["logits"]["bias"]
    np.testing.assert_allclose(total, logits, atol=1e-5)


def test_a_bag_forgets_the_order_and_n_grams_do_not():
    words, shuffled = np.array([[1, 2, 3, 4]]), np.array([[4, 2, 1, 3]])
    x, other = (np.eye(9, dtype=np.float32)[words] for words in (words, shuffled))
    mask = np.ones((2, 4))

    @jax.jit
    def vectors(x):
        return [BODIES[name].init_with_output(KEY, x, mask)[0] for name in ("bag", "n-grams")]

    bags, n_grams = jax.device_get(vectors(np.concatenate([x, other])))
    np.testing.assert_allclose(bags[0], bags[1], atol=1e-6)
    assert np.abs(n_grams[0] - n_grams[1]).max() > 0.01
