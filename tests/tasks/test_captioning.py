import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import decoding, train
from jaxdl.models import Captioner
from jaxdl.optimizers import adam
from jaxdl.tasks import captioning

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype(np.float32)
Y = np.array([[1, 3, 2, 0], [1, 4, 3, 2], [1, 4, 2, 0]], np.int32)
BATCH = {"x": X, "y": Y}
MODEL = Captioner((3,), width=16, words=5)
TASK = captioning(MODEL)


@pytest.fixture(scope="module")
def state():
    return jax.jit(lambda: train.init(TASK, adam(0.03), KEY, BATCH))()


@jax.jit
def measured(params, batch):
    return jax.value_and_grad(TASK.loss, has_aux=True)(params, {}, batch, KEY, train=True)


def test_loss_and_accuracy_are_over_the_real_words(state):
    (loss, (_, found)), _ = measured(state.params, BATCH)
    logits = np.asarray(jax.jit(TASK.predict)(state.params, {}, BATCH)[0], np.float64)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    after = Y[:, 1:]
    nats = -np.take_along_axis(log_probabilities, after[..., None], axis=-1)[..., 0]
    real, right = after != 0, logits.argmax(axis=-1) == after
    assert real.sum() == 7
    assert float(loss) == pytest.approx(nats[real].mean(), rel=1e-5)
    means = train.mean(found)
    assert float(means["loss"]) == pytest.approx(nats[real].mean(), rel=1e-5)
    assert float(means["accuracy"]) == pytest.approx(right[real].mean())
    assert float(means["exact"]) == pytest.approx((right | ~real).all(axis=1).mean())


def test_padded_examples_and_words_change_nothing(state):
    padded = {
        "x": np.concatenate([X, np.full_like(X[:2], np.nan)]),
        "y": np.pad(np.concatenate([Y, Y[:2]]), ((0, 0), (0, 2))),
        "mask": np.array([1, 1, 1, 0, 0], np.float32),
    }
    ours, theirs = measured(state.params, padded), measured(state.params, BATCH)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, theirs)


def test_exact_captions_are_those_that_greedy_decoding_gives(state):
    """Half trained: some captions are right and some are not."""

    @jax.jit
    def step(state):
        state, _ = train.step(TASK, adam(0.03), state, BATCH)
        variables = {"params": state.params}
        carry = MODEL.apply(variables, X, method="begin")
        follow = functools.partial(MODEL.apply, variables, method="step")
        words = decoding.greedy(follow, carry, jnp.full(3, 1), 3)
        return state, train.mean(train.measure(TASK, state, BATCH))["exact"], words

    shares = []
    for _ in range(25):
        state, exact, words = step(state)
        same = (words == Y[:, 1:]) | (Y[:, 1:] == 0)
        assert float(exact) == pytest.approx(np.all(same, axis=1).mean())
        shares.append(float(exact))
    assert min(shares) < 1 == max(shares)
