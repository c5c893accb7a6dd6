"""Answers once a sequence and once a step, whatever stands in the padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks
from jaxdl.layers.cells import ELMAN
from jaxdl.layers.recurrent import RNN
from jaxdl.models import Acceptor, OneHot, Transducer
from jaxdl.tasks import language_model

KEY = jax.random.key(0)
IDS = np.array([[1, 3, 2], [2, 1, 1]])
PADDED = np.pad(IDS, ((0, 0), (0, 2)))


def test_an_acceptor_is_the_formula_of_elman():
    model = Acceptor(2, RNN(4, ELMAN))
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    answer, variables = jax.jit(model.init_with_output)(KEY, x)
    body, dense = jax.device_get((variables["params"]["body"], variables["params"]["answer"]))
    h = np.zeros((3, 4))
    for t in range(5):
        h = np.tanh(x[:, t] @ body["kernel"] + h @ body["recurrent_kernel"] + body["bias"])
    np.testing.assert_allclose(answer, h @ dense["kernel"] + dense["bias"], atol=1e-5)


@pytest.mark.parametrize("kind", [Acceptor, Transducer])
def test_what_stands_in_the_padding_changes_nothing_to_the_bit(kind):
    model = kind(2, RNN(3, ELMAN))
    x = np.random.default_rng(0).normal(size=(2, 5, 2)).astype(np.float32)
    mask = np.array([[1, 1, 1, 0, 0]] * 2)

    def objective(params, x, mask):
        found = model.apply(params, x, mask=mask)
        answer = found[1][:, :3] if kind is Transducer else found
        return jnp.sum(answer * jnp.cos(jnp.arange(answer.size)).reshape(answer.shape)), answer

    compiled = jax.jit(jax.grad(objective, (0, 1), has_aux=True))

    def found(*arguments):
        return jax.device_get(compiled(*arguments))

    params = jax.jit(model.init)(KEY, x)
    zeros, nans = x.copy(), x.copy()
    zeros[:, 3:], nans[:, 3:] = 0, np.nan
    one, other = found(params, zeros, mask), found(params, nans, mask)
    jax.tree.map(np.testing.assert_array_equal, one, other)
    np.testing.assert_array_equal(one[0][1][:, 3:], 0)
    # Other lengths are other matrix products, which round otherwise.
    (of_params, of_x), answer = found(params, x[:, :3], None)
    cut = (one[0][0], one[0][1][:, :3]), one[1]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), ((of_params, of_x), answer), cut
    )
    assert np.abs(of_x).min() > 0


def test_an_id_of_padding_is_no_step():
    acceptor = Acceptor(2, RNN(3, ELMAN), OneHot(4), padding=0)
    apply = jax.jit(acceptor.apply)

    def answers(*arguments):
        return np.asarray(apply(*arguments))

    params = jax.jit(acceptor.init)(KEY, PADDED)
    by_mask = answers(params, np.where(PADDED == 0, 3, PADDED), PADDED != 0)
    np.testing.assert_array_equal(answers(params, PADDED), by_mask)
    np.testing.assert_allclose(answers(params, IDS), by_mask, atol=1e-6)
    empty = answers(params, np.array([[0] * 5, [2, 1, 1, 0, 0]]))
    np.testing.assert_array_equal(empty[0], params["params"]["answer"]["bias"])
    np.testing.assert_array_equal(empty[1], by_mask[1])


@pytest.mark.parametrize("kind", [Acceptor, Transducer])
def test_the_tasks_of_the_house_fit_and_padding_is_not_counted(kind):
    model = kind(4, RNN(3, ELMAN), OneHot(4), padding=0)
    task = language_model(model, padding=0) if kind is Transducer else tasks.classification(model)
    y = PADDED if kind is Transducer else np.array([0, 2])
    loss = jax.jit(lambda params, batch: task.loss(params, {}, batch, KEY, train=True)[0])
    params, _ = jax.jit(task.init)(KEY, {"x": PADDED, "y": y})
    padded = loss(params, {"x": PADDED, "y": y})
    plain = loss(params, {"x": IDS, "y": y[:, :3] if kind is Transducer else y})
    np.testing.assert_allclose(padded, plain, rtol=1e-6)
    assert plain > 0.5
