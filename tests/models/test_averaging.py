"""The averaging network: its formula, its padding, and what of it is trained."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks
from jaxdl.layers.embedding import Embedding, FrozenEmbedding, pretrained
from jaxdl.models.averaging import AveragingNetwork

KEY = jax.random.key(0)
TABLE = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
X = jnp.array([[1, 2, 5, 0], [4, 0, 0, 0], [0, 0, 0, 0]])
BATCH = {"x": X, "y": jnp.array([0, 1, 1])}
KINDS = {"tuned": Embedding, "frozen": FrozenEmbedding}


@pytest.fixture(scope="module", params=KINDS)
def trained(request):
    """Task, its parameters and state, and the gradient of a batch."""
    layer = KINDS[request.param](6, 3, pretrained(TABLE))
    task = tasks.classification(AveragingNetwork(layer, 2))

    @jax.jit
    def learn():
        params, state = task.init(KEY, BATCH)
        slope = jax.grad(lambda params: task.loss(params, state, BATCH, KEY, train=True)[0])
        return params, state, slope(params), task.predict(params, state, BATCH)

    return request.param, *learn()


def test_logits_are_a_linear_map_of_the_mean_of_the_words_there_are(trained):
    _, params, _, _, logits = trained
    kernel, bias = params["logits"]["kernel"], params["logits"]["bias"]
    means = np.stack([TABLE[[1, 2, 5]].mean(axis=0), TABLE[4], np.zeros(3)])
    np.testing.assert_allclose(logits, means @ kernel + bias[None], rtol=1e-5, atol=1e-6)


def test_only_words_that_are_read_are_trained_and_frozen_ones_never(trained):
    kind, params, state, gradient, _ = trained
    if kind == "frozen":
        assert set(params) == set(gradient) == {"logits"}
        np.testing.assert_array_equal(state["frozen"]["words"]["embedding"], TABLE)
    else:
        assert not state
        rows = np.abs(gradient["words"]["embedding"]).sum(axis=1)
        assert np.flatnonzero(rows).tolist() == [1, 2, 4, 5]
