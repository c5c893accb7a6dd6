"""Blanking the n-gram that speaks loudest, sentence by sentence."""

import functools

import jax
import numpy as np
from scipy.special import log_softmax

from jaxdl import tasks
from jaxdl.layers.embedding import Embedding
from jaxdl.models import NGrams, TextClassifier

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
MODEL = TextClassifier(Embedding(9, 4), NGrams(3, (2, 3)), 5)
LENGTHS = np.array([7, 4, 6, 5])
WORDS = np.where(np.arange(7) < LENGTHS[:, None], RNG.integers(1, 9, (4, 7)), 0)
BATCH = {"x": WORDS, "y": np.zeros(4, np.int32), "mask": np.array([1, 1, 0, 1], np.float32)}


def test_what_is_lost_by_hand():
    task = tasks.blanking(tasks.classification(MODEL), MODEL)
    params, state = jax.jit(task.init)(KEY, BATCH)
    loss = jax.jit(lambda key: task.loss(params, state, BATCH, key, train=False)[1][1])
    apply = jax.jit(lambda words: MODEL.apply({"params": params}, words, train=False))
    singly = jax.jit(jax.vmap(apply))
    contribute = functools.partial(MODEL.apply, method="contributions")
    contributions, starts = jax.device_get(jax.jit(contribute)({"params": params}, WORDS))
    logits = np.asarray(apply(WORDS), np.float64)
    kept = log_softmax(logits, axis=1).max(axis=1)
    possible = []
    lost = np.zeros(4)
    for row, length in enumerate(LENGTHS):
        best = logits[row].argmax()
        feature = contributions[row, :, best].argmax()
        start = starts[row, feature]
        width = min((2, 3)[feature // 3], length - start)
        at = range(length - width + 1)
        blanked = np.stack([WORDS[row]] * 7)
        for place in at:
            blanked[place, place : place + width] = 0
        rest = log_softmax(np.asarray(singly(blanked[:, None]))[:, 0], axis=1)[:, best]
        lost[row] = kept[row] - rest[start]
        possible.append(kept[row] - rest[: len(at)])
    found = loss(KEY)
    np.testing.assert_allclose(found["at_argmax"], (lost[[0, 1, 3]].sum(), 3), atol=1e-5)
    drawn = {round(float(loss(jax.random.key(seed))["at_random"][0]), 3) for seed in range(99)}
    sums = {
        round(float(a + b + c), 3) for a in possible[0] for b in possible[1] for c in possible[3]
    }
    near = [min(abs(value - other) for other in sums) for value in drawn]
    assert max(near) < 2e-3
    assert len(drawn) > 10


def test_training_is_as_without():
    plain = tasks.classification(MODEL)
    params, state = jax.jit(plain.init)(KEY, BATCH)
    found = [
        jax.jit(lambda task=task: task.loss(params, state, BATCH, KEY, train=True)[1][1])()
        for task in (plain, tasks.blanking(plain, MODEL))
    ]
    assert found[0].keys() == found[1].keys()
    jax.tree.map(np.testing.assert_array_equal, *found)
