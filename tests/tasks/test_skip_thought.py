"""What the neighbours of a sentence cost, and whom they teach."""

import jax
import numpy as np
import pytest

from jaxdl.models import SkipThought
from jaxdl.tasks import skip_thought

KEY = jax.random.key(0)
MODEL = SkipThought(vocabulary=7, features=3, width=2)
TASK = skip_thought(MODEL)
BATCH = {
    "x": np.array([[4, 5, 6], [5, 0, 0], [6, 6, 0]]),
    "previous": np.array([[2, 6, 4, 3], [2, 4, 3, 0], [2, 5, 3, 0]]),
    "following": np.array([[2, 5, 3, 0], [2, 6, 6, 3], [2, 4, 3, 0]]),
}
NOBODY = np.zeros((3, 4), int)


@pytest.fixture(scope="module")
def params():
    return jax.jit(TASK.init)(KEY, BATCH)[0]


@pytest.fixture(scope="module")
def learn():
    """Loss, metrics and gradient of a batch."""

    def objective(params, batch):
        return TASK.loss(params, {}, {**batch}, KEY, train=True)

    return jax.jit(jax.value_and_grad(objective, has_aux=True))


def largest(tree):
    return max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(tree))


def test_the_loss_is_the_mean_over_the_words_of_both(params, learn):
    (loss, (_, reported)), _ = learn(params, BATCH)
    said = (BATCH["previous"][:, :-1], BATCH["following"][:, :-1])
    told = jax.jit(lambda params: MODEL.apply({"params": params}, BATCH["x"], *said))(params)
    nats = []
    for name, logits in zip(("previous", "following"), told, strict=True):
        chances = np.exp(np.asarray(logits, np.float64))
        chances /= chances.sum(axis=2, keepdims=True)
        words = BATCH[name][:, 1:]
        own = [-np.log(chances[place][word]) for place, word in np.ndenumerate(words) if word]
        assert float(reported[name][0]) == pytest.approx(sum(own), rel=1e-5)
        assert float(reported[name][1]) == len(own)
        nats += own
    assert float(loss) == pytest.approx(np.mean(nats), rel=1e-5)


@pytest.mark.parametrize(
    ("there", "absent", "silent"),
    [("previous", "following", "after"), ("following", "previous", "before")],
)
def test_each_decoder_alone_teaches_the_encoder(params, learn, there, absent, silent):
    (loss, (_, reported)), gradient = learn(params, {**BATCH, absent: NOBODY})
    assert largest(gradient["encoder"]["body"]) > 1e-4
    assert largest(gradient[silent]) == 0
    assert [float(value) for value in reported[absent]] == [0, 0]
    assert float(loss) == pytest.approx(float(reported[there][0] / reported[there][1]))


def test_a_sentence_without_neighbours_changes_nothing(params, learn):
    rows = np.array([[1], [1], [0]])
    alone = {name: rows * array for name, array in BATCH.items()} | {"x": BATCH["x"]}
    two = {name: array[:2] for name, array in BATCH.items()}
    (loss, _), gradient = learn(params, alone)
    (expected, _), wanted = learn(params, two)
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-7), gradient, wanted)


def test_padding_changes_nothing(params, learn):
    wide = {name: np.pad(array, ((0, 0), (0, 2))) for name, array in BATCH.items()}
    (loss, _), gradient = learn(params, wide | {"mask": np.array([1, 1, 0], np.float32)})
    (expected, _), wanted = learn(params, {name: array[:2] for name, array in BATCH.items()})
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-7), gradient, wanted)


def test_it_predicts_the_vectors(params):
    encode = jax.jit(lambda ids: MODEL.apply({"params": params}, ids, method="encode"))
    found = jax.jit(TASK.predict)(params, {}, {"x": BATCH["x"]})
    np.testing.assert_allclose(found, encode(BATCH["x"]), rtol=1e-6)
