import functools

import flax.linen as nn
import jax
import numpy as np

from jaxdl import tasks
from jaxdl.tasks import adversarial, attacked

KEY = jax.random.key(0)
BATCH = {"x": np.full((2, 3), 0.5, np.float32), "y": np.array([0, 1], np.int32)}
PLAIN = tasks.classification(nn.Dense(2, use_bias=False))
PARAMS = {"kernel": np.array([[1.0, -2.0], [0.5, 0.2], [-1.0, 3.0]], np.float32)}
STEP = 0.1 * np.sign(PARAMS["kernel"][:, 1] - PARAMS["kernel"][:, 0])
MOVED = {**BATCH, "x": np.float32(0.5 + np.stack([STEP, -STEP]))}


@functools.partial(jax.jit, static_argnames=("task", "train"))
def gradient(task, batch, train):
    return jax.grad(lambda p: task.loss(p, {}, batch, KEY, train=train)[0])(PARAMS)["kernel"]


@functools.partial(jax.jit, static_argnames=("task", "train"))
def measured(task, params, state, batch, train):
    return task.loss(params, state, batch, KEY, train=train)


def fgsm(eps):
    return functools.partial(tasks.fgsm, eps=eps)


def test_training_sees_the_attacked_batch_and_evaluation_the_given_one():
    task = adversarial(PLAIN, fgsm(0.1))
    np.testing.assert_allclose(
        gradient(task, BATCH, True), gradient(PLAIN, MOVED, True), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_array_equal(gradient(task, BATCH, False), gradient(PLAIN, BATCH, False))
    assert task.predict is PLAIN.predict


def test_attacked_is_so_in_evaluation_too():
    task = attacked(PLAIN, fgsm(0.1))
    for train in (True, False):
        value, (_, metrics) = measured(task, PARAMS, {}, BATCH, train)
        expected, (_, by_hand) = measured(PLAIN, PARAMS, {}, MOVED, train)
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        np.testing.assert_allclose(metrics["loss"], by_hand["loss"], rtol=1e-5)


def test_a_traced_eps_of_zero_is_the_plain_task():
    def under(eps):
        task = adversarial(PLAIN, fgsm(eps))
        return jax.grad(lambda p: task.loss(p, {}, BATCH, KEY, train=True)[0])(PARAMS)["kernel"]

    over_eps, alone = jax.jit(lambda each: (jax.vmap(under)(each), under(0.1)))(
        np.array([0.0, 0.1], np.float32)
    )
    np.testing.assert_allclose(over_eps[0], gradient(PLAIN, BATCH, True), rtol=1e-6)
    np.testing.assert_allclose(over_eps[1], alone, rtol=1e-5, atol=1e-7)


def test_the_model_is_attacked_as_it_is_used_and_keeps_its_training_state():
    class Normed(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            return nn.Dense(2)(nn.BatchNorm(use_running_average=not train)(x))

    plain = tasks.classification(Normed())

    @jax.jit
    def both():
        params, state = plain.init(KEY, BATCH)
        x = tasks.fgsm(plain, params, state, BATCH, KEY, eps=0.1)
        task = adversarial(plain, fgsm(0.1))
        ours, theirs = (
            each.loss(params, state, batch, KEY, train=True)
            for each, batch in ((task, BATCH), (plain, {**BATCH, "x": x}))
        )
        return ours[1][0], theirs[1][0]

    after, expected = both()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), after, expected)
