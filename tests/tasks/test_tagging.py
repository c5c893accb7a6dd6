import flax.linen as nn
import jax
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxdl.data.text import bio
from jaxdl.metrics import spans
from jaxdl.tasks import tagging

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
NAMES = bio.labels(("X", "Y"))
LENGTHS = np.array([6, 3, 5, 4])
REAL = np.arange(6) < LENGTHS[:, None]
LOGITS = RNG.normal(size=(8, 5)).astype(np.float32)
WORDS = np.where(REAL, RNG.integers(1, 8, (4, 6)), 0)


class Table(nn.Module):
    """Logits by word, so that what is predicted is known."""

    @nn.compact
    def __call__(self, words, characters, *, train):
        return self.param("logits", lambda key: jax.numpy.asarray(LOGITS))[words]


BATCH = {
    "words": WORDS,
    "characters": np.zeros((4, 6, 1), np.int32),
    "y": np.where(RNG.random((4, 6)) < 0.6, LOGITS.argmax(axis=1)[WORDS], RNG.integers(0, 5)),
    "mask": np.array([1, 1, 0, 1], np.float32),
}


@pytest.fixture(scope="module")
def measure():
    task = tagging(Table())
    params, state = task.init(KEY, BATCH)
    loss = jax.jit(lambda batch: task.loss(params, state, batch, KEY, train=False))
    np.testing.assert_array_equal(task.predict(params, state, BATCH), LOGITS[WORDS])
    return loss


def test_loss_accuracy_and_f1_are_those_of_the_lists(measure):
    loss, (_, metrics) = measure(BATCH)
    counted = REAL & (BATCH["mask"][:, None] > 0)
    logits, y = LOGITS[WORDS][counted].astype(np.float64), BATCH["y"][counted]
    nats = -log_softmax(logits, axis=1)[np.arange(len(y)), y]
    np.testing.assert_allclose(loss, nats.mean(), rtol=1e-6)
    np.testing.assert_allclose(metrics["loss"], (nats.sum(), 13), rtol=1e-6)
    np.testing.assert_allclose(metrics["accuracy"], ((logits.argmax(1) == y).sum(), 13))
    ours, theirs = (
        [
            spans.lenient([NAMES[tag] for tag in row[:length]])
            for row, length, mask in zip(tags, LENGTHS, BATCH["mask"], strict=True)
            if mask
        ]
        for tags in (LOGITS.argmax(axis=1)[WORDS], BATCH["y"])
    )
    expected = spans.score(ours, theirs).f1
    assert 0 < expected < 1
    assert float(metrics["f1"][0] / metrics["f1"][1]) == pytest.approx(expected)


def test_what_stands_in_padding_changes_nothing(measure):
    other = BATCH | {"y": np.where(REAL & (BATCH["mask"][:, None] > 0), BATCH["y"], 3)}
    assert (other["y"] != BATCH["y"]).any()
    jax.tree.map(np.testing.assert_array_equal, measure(other), measure(BATCH))
