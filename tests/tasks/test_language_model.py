"""A language model over chunks of a text, against the same text in one piece."""

import functools

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import decoding
from jaxdl.data.text import bucketing
from jaxdl.layers.cells import GRU
from jaxdl.layers.recurrent import RNN
from jaxdl.models import GPT, LanguageModel, Transducer
from jaxdl.tasks import language_model

KEY = jax.random.key(0)
MODEL = LanguageModel(5, 3, RNN(4, GRU))
IDS = np.random.default_rng(0).integers(0, 5, (2, 7))
WHOLE = {"x": IDS[:, :-1], "y": IDS[:, 1:]}


def part(first, last, start):
    return {name: ids[:, first:last] for name, ids in WHOLE.items()} | {"start": np.full(2, start)}


@pytest.fixture(scope="module")
def found():
    """Losses and gradients in one piece, in two chunks, and with the second one begun anew."""
    whole, chunks = language_model(MODEL), language_model(MODEL, carried=True)
    params, _ = jax.jit(whole.init)(KEY, WHOLE)
    shapes = jax.eval_shape(chunks.init, KEY, part(0, 3, 1))[1]
    empty = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)

    @jax.jit
    def measured(params):
        def loss(task, params, state, batch):
            return task.loss(params, state, batch, KEY, train=True)

        gradient = jax.grad(lambda *arguments: loss(*arguments)[0], argnums=1)
        first = loss(chunks, params, empty, part(0, 3, 1))
        going_on = first[1][0]
        anew = loss(chunks, params, going_on, part(3, 6, 1))[0]

        def through_the_cut(params):
            state = loss(chunks, params, empty, part(0, 3, 1))[1][0]
            return loss(chunks, jax.lax.stop_gradient(params), state, part(3, 6, 0))[0]

        return {
            "whole": loss(whole, params, {}, WHOLE)[0],
            "chunks": (first[0], loss(chunks, params, going_on, part(3, 6, 0))[0]),
            "anew": anew,
            "alone": loss(whole, params, {}, part(3, 6, 1))[0],
            "cut": jax.grad(through_the_cut)(params),
            "gradient": gradient(chunks, params, going_on, part(3, 6, 0)),
            "evaluated": chunks.loss(params, going_on, part(3, 6, 0), KEY, train=False),
            "going_on": going_on,
        }

    return jax.device_get(measured(params))


def test_chunks_with_their_carry_are_the_whole_text(found):
    np.testing.assert_allclose(np.mean(found["chunks"]), found["whole"], rtol=1e-6)
    assert abs(found["chunks"][1] - found["alone"]) > 1e-3


def test_a_sequence_that_starts_forgets_the_one_before(found):
    np.testing.assert_allclose(found["anew"], found["alone"], rtol=1e-6)


def test_no_gradient_crosses_the_cut(found):
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(found["cut"]))
    assert any((leaf != 0).any() for leaf in jax.tree.leaves(found["gradient"]))


def test_an_evaluation_begins_anew_and_moves_no_state(found):
    value, (state, _) = found["evaluated"]
    np.testing.assert_allclose(value, found["alone"], rtol=1e-6)
    chex.assert_trees_all_equal(state, found["going_on"])


def test_an_evaluation_takes_any_batch_size():
    task = language_model(MODEL, carried=True)
    one = {name: ids[:1] for name, ids in part(0, 3, 1).items()}

    @jax.jit
    def run():
        params, state = task.init(KEY, part(0, 3, 1))
        logits = [task.predict(params, state, batch) for batch in (one, part(0, 3, 1))]
        return *logits, task.loss(params, state, one, KEY, train=False)[0]

    alone, both, loss = jax.device_get(run())
    np.testing.assert_allclose(alone, both[:1], rtol=1e-6)
    assert loss > 0


def test_padded_tokens_and_padded_examples_count_for_nothing():
    task = language_model(MODEL, padding=0)
    y = np.where(np.arange(6) < 4, WHOLE["y"] % 4 + 1, 0)
    batch = {"x": WHOLE["x"], "y": y}
    short = {"x": WHOLE["x"][:, :4], "y": y[:, :4]}
    masked = batch | {"mask": np.array([1.0, 0.0])}
    first = {name: ids[:1] for name, ids in short.items()}

    @jax.jit
    def run():
        params, state = task.init(KEY, batch)
        return [
            task.loss(params, state, each, KEY, train=False)
            for each in (batch, short, masked, first)
        ]

    (value, (_, metrics)), (of_short, _), (of_masked, _), (of_first, _) = run()
    np.testing.assert_allclose(value, of_short, rtol=1e-6)
    assert metrics["loss"][1] == metrics["accuracy"][1] == 8
    np.testing.assert_allclose(of_masked, of_first, rtol=1e-6)


@pytest.mark.parametrize("model", [MODEL, GPT(5, 4, 1, 2, 7)], ids=["lstm", "gpt"])
def test_packed_sequences_count_as_they_do_one_by_one(model):
    """Also where nothing but the segments says which targets are of another sequence."""
    sequences = [np.array(ids) for ids in ([3, 1, 4, 1], [2, 4, 3], [1, 2, 3, 4, 2, 1, 3])]
    packed = bucketing.next_ids_packed(sequences, 6)
    shifted = packed | {"y": bucketing.pack(sequences, 7)["x"][:, 1:]}
    apart = bucketing.pad(sequences)["x"]
    apart = {"x": apart[:, :-1], "y": apart[:, 1:]}
    padded, every = language_model(model, padding=0), language_model(model)

    @jax.jit
    def measured():
        params, _ = padded.init(KEY, apart)

        def loss(task, batch):
            value, (_, found) = task.loss(params, {}, batch, KEY, train=True)
            return value, found

        logits = padded.predict(params, {}, packed), padded.predict(params, {}, apart)
        return loss(padded, packed), loss(every, shifted), loss(padded, apart), logits

    found, by_segments, expected, (of_packed, of_apart) = measured()
    assert expected[1]["loss"][1] == 3 + 2 + 6
    for ours in (found, by_segments):
        chex.assert_trees_all_close(ours, expected, rtol=1e-5)
    np.testing.assert_allclose(of_packed[0, 4], of_apart[1, 0], rtol=1e-4, atol=1e-5)


def test_a_model_decodes_what_its_logits_say():
    """Token by token with its carry, as all at once under teacher forcing."""

    @jax.jit
    def both():
        params = MODEL.init(KEY, WHOLE["x"])
        start = jnp.array([1, 2])
        carry, _ = MODEL.apply(params, jnp.zeros((2, 0), jnp.int32))

        def step(carry, tokens):
            return MODEL.apply(params, carry, tokens, method="step")

        tokens = decoding.greedy(step, carry, start, 5)
        fed = jnp.concatenate([start[:, None], tokens[:, :-1]], axis=1)
        return MODEL.apply(params, fed)[1].argmax(-1), tokens

    np.testing.assert_array_equal(*both())


def test_a_mask_of_tokens_leaves_out_what_a_mask_of_rows_cannot():
    task = language_model(MODEL)
    params, _ = jax.jit(task.init)(KEY, WHOLE)
    mask = np.ones((2, 6), np.float32)
    mask[:, 4:] = 0
    loss = jax.jit(lambda batch: task.loss(params, {}, batch, KEY, train=True)[0])
    shorter = {name: ids[:, :4] for name, ids in WHOLE.items()}
    np.testing.assert_allclose(loss(WHOLE | {"mask": mask}), loss(shorter), rtol=1e-6)


def test_a_carried_stream_that_does_not_go_on_is_named():
    task = language_model(MODEL, carried=True)
    params, state = jax.eval_shape(task.init, KEY, part(0, 3, 1))
    loss = functools.partial(task.loss, train=True)
    with pytest.raises(ValueError, match="needs `start`"):
        jax.eval_shape(loss, params, state, WHOLE, KEY)
    fewer = {name: values[:1] for name, values in part(0, 3, 0).items()}
    with pytest.raises(ValueError, match="a batch of 1 streams cannot go on from one of 2"):
        jax.eval_shape(loss, params, state, fewer, KEY)
    task = language_model(GPT(5, 4, 1, 2, 6), carried=True)
    with pytest.raises(ValueError, match=r"GPT gives no carry .*: carried=False"):
        jax.eval_shape(task.init, KEY, part(0, 3, 1))


def test_segments_for_a_model_that_takes_none():
    task = language_model(Transducer(5, RNN(4), nn.Embed(5, 3)))
    with pytest.raises(TypeError, match="unexpected keyword argument 'segments'"):
        jax.eval_shape(
            lambda: task.predict({}, {}, WHOLE | {"segments": np.ones((2, 6), np.int32)})
        )
