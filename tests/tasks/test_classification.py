"""Class weights: the weighted mean of torch's `CrossEntropyLoss(weight=...)`, written out."""

import functools

import jax
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxdl import tasks
from jaxdl.models import MLP

RNG = np.random.default_rng(0)
BATCH = {"x": RNG.normal(size=(6, 4)).astype(np.float32), "y": np.array([0, 0, 0, 0, 1, 2])}
WEIGHTS = np.array([0.5, 2.0, 3.0], np.float32)
MODEL = MLP((), 3)
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def params():
    return jax.jit(tasks.classification(MODEL).init)(KEY, BATCH)[0]


@pytest.mark.parametrize("mask", [None, np.array([1, 0, 1, 1, 0.5, 1], np.float32)])
def test_classes_are_weighed_in_training_and_not_in_evaluation(params, mask):
    task = tasks.classification(MODEL, class_weights=WEIGHTS)
    batch = BATCH if mask is None else {**BATCH, "mask": mask}
    dense = params["Dense_0"]
    logits = BATCH["x"] @ np.asarray(dense["kernel"]) + np.asarray(dense["bias"])
    nats = -log_softmax(logits, axis=1)[np.arange(6), BATCH["y"]]
    examples = np.ones(6) if mask is None else mask
    for train, weights in ((True, examples * WEIGHTS[BATCH["y"]]), (False, examples)):
        loss = jax.jit(functools.partial(task.loss, train=train))
        value, (_, metrics) = loss(params, {}, batch, KEY)
        np.testing.assert_allclose(value, (weights * nats).sum() / weights.sum(), rtol=1e-5)
        np.testing.assert_allclose(metrics["loss"][1], weights.sum(), rtol=1e-6)


def test_as_many_weights_as_classes(params):
    task = tasks.classification(MODEL, class_weights=WEIGHTS[:2])
    with pytest.raises(ValueError, match=r"class_weights have shape \(2,\), the logits 3 classes"):
        jax.eval_shape(functools.partial(task.loss, train=True), params, {}, BATCH, KEY)
