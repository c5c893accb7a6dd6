"""A language model of both directions: what it sees, what it says, and its vectors in a tagger."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.recurrent import RNN
from jaxdl.models import Contextual, ELMo, Tagger
from jaxdl.params import transplant
from jaxdl.tasks import bidirectional_language_model

KEY = jax.random.key(0)
T, D = 5, 3
MODEL = ELMo(8, D)
# Every token once, so the row of a token in the table is that place in the text.
IDS = np.array([[3, 5, 2, 7, 4]])
PADDED = np.array([[3, 5, 2, 7, 4, 0, 0], [6, 1, 0, 0, 0, 0, 0]])


@pytest.fixture(scope="module")
def params():
    return jax.jit(MODEL.init)(KEY, IDS)["params"]


@pytest.fixture(scope="module")
def reached(params):
    """How far each prediction depends on the embedding of each place: `[T − 1, T]` a direction."""

    def predictions(table):
        changed = params | {"embedding": {"embedding": table}}
        return [way[0].sum(axis=1) for way in MODEL.apply({"params": changed}, IDS)]

    jacobians = jax.jit(jax.jacrev(predictions))(params["embedding"]["embedding"])
    return [np.abs(np.asarray(way)[:, IDS[0]]).sum(axis=2) for way in jacobians]


def test_no_prediction_sees_its_token_nor_what_lies_beyond_it(reached):
    ahead, back = reached
    for place in range(T - 1):
        # Row `place` predicts token place + 1 from those before, and token `place` from behind.
        assert (ahead[place, : place + 1] > 0).all()
        assert (ahead[place, place + 1 :] == 0).all()
        assert (back[place, place + 1 :] > 0).all()
        assert (back[place, : place + 1] == 0).all()


def test_the_states_are_those_of_the_stacks_with_their_residual(params):
    @jax.jit
    def both(params):
        x = params["embedding"]["embedding"][IDS]
        layers = [[x, x], [], []]
        for way, reverse in (("ahead", False), ("back", True)):
            layer = RNN(D, reverse=reverse)
            first = layer.apply({"params": params[f"{way}_0"]}, x)[1]
            layers[1].append(first)
            layers[2].append(layer.apply({"params": params[f"{way}_1"]}, first)[1] + first)
        expected = jnp.stack([jnp.concatenate(ways, axis=-1) for ways in layers])
        return MODEL.apply({"params": params}, IDS, method="states"), expected

    np.testing.assert_allclose(*both(params), rtol=1e-5, atol=1e-6)


def test_nothing_depends_on_padding(params):
    """Though the table is NaN there."""
    broken = np.array(params["embedding"]["embedding"])
    broken[0] = np.nan
    variables = {"params": params | {"embedding": {"embedding": broken}}}

    @jax.jit
    def read(ids):
        return MODEL.apply(variables, ids, method="states"), MODEL.apply(variables, ids)

    (padded, logits), (alone, logits_alone) = map(jax.device_get, (read(PADDED), read(IDS)))
    np.testing.assert_allclose(padded[:, :1, :T], alone, rtol=1e-5, atol=1e-6)
    assert not padded[:, 0, T:].any()
    for found, expected in zip(logits, logits_alone, strict=True):
        np.testing.assert_allclose(found[:1, : T - 1], expected, rtol=1e-5, atol=1e-6)


def test_the_loss_is_the_mean_over_both_directions_by_hand(params):
    task = bidirectional_language_model(MODEL)
    batch = {"x": np.concatenate([PADDED, PADDED]), "mask": np.array([1.0, 1.0, 1.0, 0.0])}
    loss, (_, reported) = jax.jit(lambda params: task.loss(params, {}, batch, KEY, train=True))(
        params
    )
    ways = jax.jit(lambda: MODEL.apply({"params": params}, PADDED))()
    nats = {}
    for name, logits, shift in zip(("ahead", "back"), ways, (1, 0), strict=True):
        chances = np.exp(np.asarray(logits, np.float64))
        chances /= chances.sum(axis=-1, keepdims=True)
        own = [[-np.log(chances[row, t, PADDED[row, t + shift]]) for t in range(length - 1)]
               for row, length in enumerate((5, 2))]  # fmt: skip
        nats[name] = 2 * sum(own[0]) + sum(own[1])
        np.testing.assert_allclose(reported[name], (nats[name], 9), rtol=1e-5)
    np.testing.assert_allclose(reported["loss"], (sum(nats.values()), 18), rtol=1e-5)
    np.testing.assert_allclose(loss, sum(nats.values()) / 18, rtol=1e-5)
    assert reported["accuracy"][1] == 18


def test_a_tagger_reads_its_own_vectors_and_the_mix_side_by_side(params):
    tagger = Tagger(8, 2, RNN(3), 4, context=Contextual(MODEL))
    spelled = jnp.ones((*PADDED.shape, 1), jnp.int32)

    @jax.jit
    def both(params):
        own = tagger.init(KEY, PADDED, spelled, train=False)["params"]
        known = {"context": {"model": params}}
        own = transplant(own, known, "context/model")
        x = own["embedding"]["embedding"][PADDED]
        states = MODEL.apply({"params": params}, PADDED, method="states")
        x = jnp.concatenate([x, states.mean(axis=0)], axis=-1)
        y = RNN(3).apply({"params": own["body"]}, x, mask=PADDED != 0)[1]
        expected = y @ own["logits"]["kernel"] + own["logits"]["bias"][None, None]
        return tagger.apply({"params": own}, PADDED, spelled, train=False), expected, own

    found, expected, own = both(params)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert own["body"]["kernel"].shape == (2 + 2 * D, 12)
    assert own["context"]["mix"]["weights"].shape == (3,)
