"""Vectors of sequences: their padding, their order, and two by one encoder."""

import jax
import numpy as np
import pytest

from jaxdl.layers.cells import GRU, LSTM
from jaxdl.layers.recurrent import RNN, Bidirectional
from jaxdl.models import SentenceEncoder, Siamese, last_state, mean_state
from jaxdl.tasks import siamese

KEY = jax.random.key(0)
IDS = np.array([[3, 1, 4, 2, 0, 0], [5, 2, 0, 0, 0, 0], [1, 1, 5, 5, 2, 4]])
LENGTHS = (4, 2, 6)


BOTH_WAYS = Bidirectional(RNN(2, GRU), RNN(2, GRU, reverse=True))
ENCODERS = {
    "mean state of an LSTM": SentenceEncoder(6, 3, RNN(4, LSTM), mean_state),
    "last states of both ways": SentenceEncoder(6, 3, BOTH_WAYS, last_state),
}


@pytest.fixture(scope="module", params=ENCODERS)
def trained(request):
    """An encoder, and its vectors as a function of (params, ids)."""
    encoder = ENCODERS[request.param]
    params = jax.jit(lambda: encoder.init(KEY, IDS, train=False))()["params"]
    embed = jax.jit(lambda params, ids: encoder.apply({"params": params}, ids, train=False))
    return jax.device_get(params), embed


def test_a_padded_sequence_has_the_vector_of_the_sequence_alone(trained):
    params, embed = trained
    together = np.asarray(embed(params, IDS))
    assert together.shape == (3, 4)
    for row, length in enumerate(LENGTHS):
        alone = embed(params, IDS[row : row + 1, :length])
        np.testing.assert_allclose(together[[row]], alone, rtol=1e-6, atol=1e-7)


def test_what_padding_is_embedded_in_reaches_neither_value_nor_gradient(trained):
    params, embed = trained
    table = params["embedding"]["embedding"].copy()
    table[0] = np.nan
    broken = params | {"embedding": {"embedding": table}}
    np.testing.assert_array_equal(embed(broken, IDS), embed(params, IDS))
    gradient = jax.jit(jax.grad(lambda params: embed(params, IDS).sum()))(broken)
    rows = np.abs(gradient["embedding"]["embedding"]).sum(axis=1)
    assert rows[0] == 0
    assert (rows[1:] > 0).all()


def test_order_counts(trained):
    params, embed = trained
    turned, plain = (np.asarray(embed(params, ids)) for ids in (IDS[2:, ::-1], IDS))
    assert np.abs(turned - plain[2:]).max() > 0.01


def test_the_summaries_are_those_of_the_states():
    states = np.random.default_rng(0).standard_normal((2, 3, 4), np.float32)
    mask = np.array([[1, 1, 0], [0, 0, 0]], np.float32)
    outputs = states * mask[..., None]
    carry = (states[:, 0], states[:, 1])
    np.testing.assert_array_equal(last_state(carry, outputs, mask), states[:, 0])
    np.testing.assert_array_equal(
        last_state((carry, carry[::-1]), outputs, mask),
        np.concatenate([states[:, 0], states[:, 1]], axis=1),
    )
    np.testing.assert_allclose(
        mean_state(carry, outputs, mask), [states[0, :2].mean(axis=0), np.zeros(4)], rtol=1e-6
    )


def test_siamese_sequences_are_symmetric_and_share_their_weights():
    encoder = SentenceEncoder(6, 3, RNN(4, GRU))
    model = Siamese(encoder)
    pairs = {"x": np.stack([IDS, IDS[::-1]], axis=1), "y": np.array([[0, 2], [1, 1], [2, 0]])}
    turned = {name: array[:, ::-1] for name, array in pairs.items()}
    task = siamese.contrastive(model)
    params, state = jax.jit(task.init)(KEY, pairs)
    value = jax.jit(jax.value_and_grad(lambda p, b: task.loss(p, state, b, KEY, train=True)[0]))
    (there, gradient), (back, other) = value(params, pairs), value(params, turned)
    np.testing.assert_allclose(there, back, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), gradient, other)
    embedded = np.asarray(jax.jit(task.predict)(params, state, pairs))
    embed = jax.jit(lambda params: encoder.apply({"params": params}, IDS, train=False))
    alone = np.asarray(embed(params["encoder"]))
    np.testing.assert_allclose(embedded[:, 0], alone, rtol=1e-6)
    np.testing.assert_allclose(embedded[:, 1], alone[::-1], rtol=1e-6)
