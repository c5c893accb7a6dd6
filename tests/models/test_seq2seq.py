"""Encoder and decoder against loops in NumPy, the laws of masks, and decoding step by step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import decoding
from jaxdl.layers.attention import General, Soft
from jaxdl.layers.cells import ELMAN, LSTM
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.recurrent import RNN
from jaxdl.models import (
    AttendFirst,
    Attentive,
    Encoder,
    FixedContext,
    FromStates,
    InputFeeding,
    Seq2Seq,
    StateEncoder,
)

KEY = jax.random.key(0)
B, N, T, H, D, V = 3, 5, 4, 4, 3, 7
START, END = 2, 3
DECODERS = {
    "fixed": FixedContext(H, ELMAN),
    "attentive": Attentive(H, ELMAN, attention=Soft(General(H))),
    "feeding": InputFeeding(H, ELMAN, attention=Soft(General(H))),
    "first": AttendFirst(H, ELMAN, attention=Soft(General(H))),
}
MODELS = {name: Seq2Seq(Encoder(6, D, 2), decoder, V, D) for name, decoder in DECODERS.items()}
X = np.array([[4, 5, 4, 5, 4], [5, 4, 5, 0, 0], [4, 0, 0, 0, 0]], np.int32)
Y = np.array([[2, 5, 4, 6], [2, 4, 4, 5], [2, 6, 6, 6]], np.int32)
MASK = (X != 0).astype(np.float32)


def stepped(model, variables, carry):
    step = functools.partial(model.apply, variables, method="step")
    return jnp.moveaxis(jax.lax.scan(step, carry, Y.T)[1], 0, 1)


def decoded(model, variables, carry):
    step, start = functools.partial(model.apply, variables, method="step"), jnp.full(B, START)
    return (
        decoding.greedy(step, carry, start, T, END),
        decoding.beam(step, carry, start, T, width=1, end=END)[0][:, 0],
    )


@pytest.fixture(scope="module")
def found():
    """What all decoders give, compiled as one."""
    rng = np.random.default_rng(0)

    def drawn(leaf):
        """Wide, so that the weights of attention are far from equal; biases too."""
        return rng.normal(0, 3 / np.sqrt(leaf.shape[0]), leaf.shape).astype(np.float32)

    @jax.jit
    def run(both, x, longer):
        results = {}
        for name, model in MODELS.items():
            params = both[name]
            variables = {"params": params}

            def nats(params, x, model=model):
                logits, weights = model.apply({"params": params}, x, MASK, Y, train=True)
                return jnp.square(logits).sum(), (logits, weights)

            carry = model.apply(variables, x, MASK, method="begin")
            inputs = jnp.stack([x, jnp.where(MASK > 0, x, 5)])
            measured = functools.partial(jax.grad(nats, has_aux=True), params)
            results[name] = {
                "params": params,
                "carry": carry,
                "here and poisoned": jax.lax.map(measured, inputs),
                "longer": model.apply(variables, longer, longer != 0, Y),
                "steps": stepped(model, variables, carry),
                "decoded": decoded(model, variables, carry),
            }
        return results

    params = {
        name: jax.tree.map(drawn, jax.eval_shape(model.init, KEY, X, MASK, Y)["params"])
        for name, model in MODELS.items()
    }
    encoder = params["fixed"]["encoder"]
    params = {name: own | {"encoder": encoder} for name, own in params.items()}
    results = jax.device_get(run(params, X, np.pad(X, [(0, 0), (0, 3)])))
    for each in results.values():
        stacked = each.pop("here and poisoned")
        each["here"], each["poisoned"] = (
            jax.tree.map(lambda leaf, place=place: leaf[place], stacked) for place in (0, 1)
        )
    return results


@pytest.mark.parametrize("name", list(DECODERS))
def test_nothing_depends_on_padding(name, found):
    here, poisoned = found[name]["here"], found[name]["poisoned"]
    for leaf, other in zip(jax.tree.leaves(here), jax.tree.leaves(poisoned), strict=True):
        np.testing.assert_allclose(leaf, other, rtol=1e-6, atol=1e-7)
    (logits, weights), (longer, longer_weights) = here[1], found[name]["longer"]
    np.testing.assert_allclose(longer, logits, rtol=1e-5, atol=5e-6)
    if name != "fixed":
        np.testing.assert_array_equal(np.moveaxis(weights, 1, 2)[MASK == 0], 0)
        np.testing.assert_array_equal(longer_weights[:, :, N:], 0)
        np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-6)


@pytest.mark.parametrize("name", list(DECODERS))
def test_one_token_at_a_time_gives_the_logits_of_all_at_once(name, found):
    logits = found[name]["here"][1][0]
    np.testing.assert_allclose(found[name]["steps"], logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", list(DECODERS))
def test_every_array_of_the_carry_has_the_batch_first_and_a_beam_of_one_is_greedy(name, found):
    assert {leaf.shape[0] for leaf in jax.tree.leaves(found[name]["carry"])} == {B}
    np.testing.assert_array_equal(*found[name]["decoded"])


@pytest.mark.parametrize("name", list(DECODERS))
def test_decoders_are_their_formulas(name, found):
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), found[name]["params"])
    memory, states, *_ = found[name]["carry"]
    decoder, rnn = params["decoder"], params["decoder"]["rnn"]
    summary, keys = (memory, None) if name == "fixed" else (None, np.asarray(memory.values))
    logits = np.zeros((B, T, V))

    def context(b, s):
        real = keys[b, MASK[b] > 0]
        powers = np.exp(real @ decoder["attention"]["score"]["bilinear"]["kernel"] @ s)
        return powers / powers.sum() @ real

    for b in range(B):
        s, o = np.asarray(states[0][b], np.float64), np.zeros(H)
        for t in range(T):
            y = params["embedding"]["embedding"][Y[b, t]]
            fed = o if name == "feeding" else o[:0]
            if name in ("fixed", "first"):
                fed = summary[b] if name == "fixed" else context(b, s)
            a = np.concatenate([y, fed]) @ rnn["kernel"] + rnn["bias"]
            s = np.tanh(a + s @ rnn["recurrent_kernel"])
            if name == "first":
                o = s
            else:
                z = fed if name == "fixed" else context(b, s)
                readout = decoder["readout"]
                o = np.tanh(np.concatenate([s, z]) @ readout["kernel"] + readout["bias"])
            logits[b, t] = o @ params["logits"]["kernel"] + params["logits"]["bias"]
    np.testing.assert_allclose(found[name]["here"][1][0], logits, rtol=2e-4, atol=2e-5)


def test_the_first_state_is_made_of_the_last_states_of_both_directions(found):
    summary, states = found["fixed"]["carry"]
    values = found["attentive"]["carry"][0].values
    last = MASK.sum(axis=1).astype(int) - 1
    ends = np.concatenate([values[np.arange(B), last, :2], values[:, 0, 2:]], axis=1)
    np.testing.assert_allclose(summary, ends, rtol=1e-6)
    first = found["fixed"]["params"]["decoder"]["first"]
    expected = np.tanh(ends @ first["kernel"] + first["bias"])
    np.testing.assert_allclose(states[0], expected, rtol=1e-5, atol=1e-6)


def test_a_gradient_from_every_step_reaches_the_context_by_a_way_of_its_own(found):
    """The recurrent kernel is zero and the state given, so that no step hears of another."""
    params = found["fixed"]["params"]["decoder"]
    rnn = params["rnn"] | {"recurrent_kernel": jnp.zeros((H, H))}
    summary, states = found["fixed"]["carry"]

    @jax.jit
    @jax.jacrev
    def of_context(context):
        y = jnp.ones((B, T, D))
        variables = {"params": params | {"rnn": rnn}}
        return DECODERS["fixed"].apply(variables, (context, states), y)[1].sum(axis=(0, 2))

    jacobian = np.asarray(of_context(summary))
    assert jacobian.shape == (T, B, H)
    assert (abs(jacobian).max(axis=2) > 1e-4).all()
    np.testing.assert_allclose(jacobian, np.broadcast_to(jacobian[:1], jacobian.shape), rtol=1e-5)


def test_dropout_is_another_for_each_key_and_none_after_training(found):
    variables, drop = {"params": found["fixed"]["params"]}, Dropout(0.5)
    models = [
        Seq2Seq(Encoder(6, D, 2, dropout=drop), DECODERS["fixed"], V, D),
        Seq2Seq(Encoder(6, D, 2), DECODERS["fixed"], V, D, dropout=drop),
    ]
    keys = jax.random.split(KEY, 2)[np.array([0, 0, 1])]

    @jax.jit
    def run(keys):
        def trained(model, key):
            return model.apply(variables, X, MASK, Y, train=True, rngs={"dropout": key})[0]

        each = [[trained(model, key) for key in keys] for model in models]
        return each, [model.apply(variables, X, MASK, Y, train=False)[0] for model in models]

    plain = found["fixed"]["here"][1][0]
    for (first, again, other), after in zip(*run(keys), strict=True):
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()
        assert (first != plain).any()
        np.testing.assert_allclose(after, plain, rtol=1e-5, atol=1e-6)


def test_the_plain_decoder_begins_with_both_states_of_the_encoder_as_they_are():
    model = Seq2Seq(StateEncoder(6, D, H), FromStates(H, LSTM), V, D)
    variables = jax.jit(model.init)(KEY, X, MASK, Y)

    @jax.jit
    def run(variables):
        params = variables["params"]
        logits, _ = model.apply(variables, X, MASK, Y)
        encoder, decoder = RNN(H, LSTM), RNN(H, LSTM)
        read = {"params": params["encoder"]["RNN_0"]}
        states, _ = encoder.apply(read, params["encoder"]["embedding"]["embedding"][X], None, MASK)
        told = params["embedding"]["embedding"][Y]
        _, outputs = decoder.apply({"params": params["decoder"]["rnn"]}, told, states)
        last = params["logits"]
        by_hand = outputs @ last["kernel"] + last["bias"][None, None]
        carry = model.apply(variables, X, MASK, method="begin")
        return logits, by_hand, carry, states, stepped(model, variables, carry)

    logits, by_hand, carry, states, steps = run(variables)
    assert set(variables["params"]["decoder"]) == {"rnn"}
    np.testing.assert_allclose(logits, by_hand, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(steps, logits, rtol=1e-5, atol=1e-6)
    for given, ended in zip(carry, states, strict=True):
        np.testing.assert_array_equal(given, ended)


def test_a_plain_decoder_behind_another_encoder_is_refused():
    model = Seq2Seq(Encoder(6, D, 3), FromStates(H, LSTM), V, D)
    with pytest.raises(ValueError, match="ends with 6 numbers, and 2 states of 4 units begin here"):
        jax.eval_shape(model.init, KEY, X, MASK, Y)
