"""Recurrent layers against PyTorch, against a plain loop and their laws."""

from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers import unroll
from jaxdl.layers.cells import CELLS, COUPLED, ELMAN, GRU, LSTM, MINIMAL_GRU, NORMED, PEEPHOLE
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.recurrent import RNN, Bidirectional, Stack

KEY = jax.random.key(0)
T, B, H = 3, 3, 2


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


WAYS = {"plain": (False, False), "masked and reversed": (True, True)}


def golden(name):
    """Renew with tests/goldens/make_recurrent.py (`make goldens`)."""
    with np.load(Path(__file__).parents[1] / "goldens/recurrent.npz") as file:
        return {key.split("/")[1]: file[key] for key in file.files if key.split("/")[0] == name}


def as_params(torch, end, suffix=""):
    """A direction of a layer of torch's; its two biases act as one, but for the GRU's inner one."""
    found = {name: torch[f"{name}_{end}{suffix}"] for name in WEIGHTS}
    return {
        "kernel": found["weight_ih"].T,
        "recurrent_kernel": found["weight_hh"].T,
        "bias": found["bias_ih"] + found["bias_hh"],
    }


WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@pytest.fixture(scope="module")
def like_torch():
    """Outputs, carries and gradients of one layer of each kind, compiled as one."""
    layers = {"elman": ELMAN, "lstm": LSTM, "gru": GRU}
    arrays = {name: golden(name) for name in layers}
    params = {name: as_params(torch, "l0") for name, torch in arrays.items()}
    # Of the GRU's second bias, the part of n is inside the reset; those of r and z add up.
    inner = arrays["gru"]["bias_hh_l0"][-3:]
    params["gru"]["bias"] = params["gru"]["bias"] - np.concatenate([np.zeros(6), inner])
    params["gru"]["inner_bias"] = inner[None]

    @jax.jit
    def all_layers(params):
        found = {}
        for name, cell in layers.items():

            def objective(params, x, cell=cell):
                carry, y = RNN(3, cell).apply({"params": params}, x)
                weighed = y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)
                return weighed.sum(), (carry, y)

            x = jnp.asarray(arrays[name]["x"])
            found[name] = jax.grad(objective, (0, 1), has_aux=True)(params[name], x)
        return found

    return arrays, all_layers(jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), params))


@pytest.mark.parametrize("name", ["elman", "lstm", "gru"])
def test_layers_are_those_of_torch(name, like_torch):
    arrays, found = like_torch
    torch, ((gradient, x_gradient), (carry, y)) = arrays[name], found[name]
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(y, torch["y"], **close)
    for number, state in enumerate(carry):
        np.testing.assert_allclose(state, torch[f"last_{number}"][0], **close)
    np.testing.assert_allclose(x_gradient, torch["x_gradient"], **close)
    np.testing.assert_allclose(gradient["kernel"], torch["weight_ih_l0_gradient"].T, **close)
    recurrent = torch["weight_hh_l0_gradient"].T
    np.testing.assert_allclose(gradient["recurrent_kernel"], recurrent, **close)
    np.testing.assert_allclose(gradient["bias"], torch["bias_ih_l0_gradient"], **close)
    if name == "gru":
        inner = torch["bias_hh_l0_gradient"][-3:]
        np.testing.assert_allclose(gradient["inner_bias"][0], inner, **close)


def test_two_bidirectional_layers_are_those_of_torch():
    torch = golden("deep")
    params = {
        f"layers_{number}": {
            "forward": as_params(torch, f"l{number}"),
            "backward": as_params(torch, f"l{number}", "_reverse"),
        }
        for number in range(2)
    }
    stack = Stack([Bidirectional(RNN(3), RNN(3, reverse=True)) for _ in range(2)])
    apply = jax.jit(lambda params, x: stack.apply({"params": params}, x))
    carry, y = apply(jax.tree.map(jnp.asarray, params), torch["x"])
    np.testing.assert_allclose(y, torch["y"], rtol=1e-5, atol=1e-6)
    # torch's order: layer by layer, forward first.
    for place, number in (("last_0", 0), ("last_1", 1)):
        states = [direction[number] for layer in carry for direction in layer]
        np.testing.assert_allclose(jnp.stack(states), torch[place], rtol=1e-5, atol=1e-6)


def test_the_normed_cell_is_that_of_ba_et_al():
    """In NumPy, for gains and shifts that are not those it begins with."""
    rng = np.random.default_rng(0)
    a, u = rng.normal(size=(T, B, 4 * H)), rng.normal(size=(H, 4 * H))
    gain_a, gain_u, shift = rng.normal(size=(3, 4 * H))
    gain_c, shift_c = rng.normal(size=(2, H))

    def norm(x, gain, shift=0.0):
        return gain * (x - x.mean(-1, keepdims=True)) / np.sqrt(
            x.var(-1, keepdims=True) + 1e-5
        ) + shift  # fmt: skip

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    h = c = np.zeros((B, H))
    for now in a:
        gates = norm(now, gain_a) + norm(h @ u, gain_u) + shift
        i, f, g, o = np.split(gates, 4, axis=-1)
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(norm(c, gain_c, shift_c))
    rows = np.concatenate([
        *(row.reshape(4, H) for row in (gain_a - 1, gain_u - 1, shift)),
        [gain_c - 1, shift_c],
    ])  # fmt: skip
    with jax.enable_x64(True):
        zeros = (jnp.zeros((B, H)),) * 2
        last, _ = unroll(NORMED, jnp.asarray(a), jnp.asarray(u), {"norms": rows}, zeros)
    np.testing.assert_allclose(last, (h, c), rtol=1e-10)


def test_of_no_sequences_there_are_no_outputs():
    rnn = RNN(H)
    params = rnn.init(KEY, jnp.ones((1, T, 2)))
    assert rnn.apply(params, jnp.ones((0, T, 2)))[1].shape == (0, T, H)


def plainly(cell, inputs, recurrent, weights, carry, mask, kept, reverse):
    """What `unroll` gives, as a Python loop that JAX differentiates."""
    outputs = [None] * len(inputs)
    for t in sorted(range(len(inputs)), reverse=reverse):
        after, _ = cell.forward(weights, carry, inputs[t], (carry[0] * kept) @ recurrent)
        real = True if mask is None else mask[t]
        carry = tuple(jnp.where(real, *pair) for pair in zip(after, carry, strict=True))
        outputs[t] = jnp.where(real, carry[0], 0)
    return carry, jnp.stack(outputs)


@pytest.fixture(scope="module")
def derivatives():
    """Of every cell and way, by `unroll` and by the plain loop, in float64."""

    def drawn(cell):
        normal = np.random.default_rng(0).standard_normal
        return (
            normal((T, B, cell.gates * H)),
            normal((H, cell.gates * H)),
            {name: normal((rows, H)) for name, rows in cell.weights},
            tuple(normal((B, H)) for _ in range(cell.states)),
            np.array([[2.0, 0.0], [1.0, 2.0], [0.5, 1.0]]),
        )

    def both_ways(cell, arguments, masked, reverse):
        mask = None
        if masked:
            mask = np.array([[1, 1, 1], [1, 0, 1], [0, 0, 1]], bool)[..., None]

        def ours(*arguments):
            *others, kept = arguments
            return unroll(cell, *others, mask=mask, kept=kept, reverse=reverse)

        def theirs(*arguments):
            *others, kept = arguments
            return plainly(cell, *others, mask, kept, reverse)

        def objective(found):
            return sum(jnp.sin(leaf).sum() for leaf in jax.tree.leaves(found)), found

        return [
            jax.grad(lambda *each, f=f: objective(f(*each)), (0, 1, 2, 3, 4), True)(*arguments)
            for f in (ours, theirs)
        ]

    @jax.jit
    def all_cells(arguments):
        return {
            (name, way): both_ways(cell, arguments[name], *options)
            for name, cell in CELLS.items()
            for way, options in WAYS.items()
        }

    with jax.enable_x64(True):
        return jax.device_get(all_cells({name: drawn(cell) for name, cell in CELLS.items()}))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_those_of_a_plain_loop(name, way, derivatives):
    chex.assert_trees_all_close(*derivatives[name, way], rtol=1e-9, atol=1e-12)


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def test_one_step_of_the_minimal_gru_by_hand():
    """Zhou et al. 2016: f = σ(0.2 − 0.1), n = tanh(0.3 + f · 0.4), h' = (1 − f) h + f n."""
    f = sigmoid(0.1)
    n = np.tanh(0.3 + f * 0.4)
    a, u = jnp.array([[0.2, 0.3]]), jnp.array([[-0.1, 0.4]])
    (h,), _ = MINIMAL_GRU.forward({}, (jnp.array([[0.5]]),), a, u)
    np.testing.assert_allclose(h, [[(1 - f) * 0.5 + f * n]], rtol=1e-6)


@pytest.mark.parametrize("cell", [PEEPHOLE, COUPLED])
def test_one_step_by_hand(cell):
    """One unit, h = 0.5, c = −0.4, gates fed 0.1, 0.2, ...: Greff et al. 2017, equations 1 to 6."""
    total = np.arange(1, cell.gates + 1) / 10
    c, peepholes = -0.4, np.array([0.7, -0.6, 0.3])
    if cell is PEEPHOLE:
        i = sigmoid(total[0] + peepholes[0] * c)
        f = sigmoid(total[1] + peepholes[1] * c)
        after = f * c + i * np.tanh(total[2])
        o = sigmoid(total[3] + peepholes[2] * after)
    else:
        f = sigmoid(total[0])
        after = f * c + (1 - f) * np.tanh(total[1])
        o = sigmoid(total[2])
    carry = jnp.array([[0.5]]), jnp.array([[c]])
    weights = {"peepholes": jnp.asarray(peepholes)[:, None]} if cell is PEEPHOLE else {}
    # Half comes from the input, half from the state.
    half = jnp.asarray(total / 2)[None]
    (h, cell_state), _ = cell.forward(weights, carry, half, half)
    np.testing.assert_allclose(cell_state, [[after]], rtol=1e-6)
    np.testing.assert_allclose(h, [[o * np.tanh(after)]], rtol=1e-6)


def test_nothing_depends_on_padding():
    """Bit for bit, though padding is NaN, in both directions, gradients too."""
    stack = Stack([Bidirectional(RNN(2, GRU), RNN(2, GRU, reverse=True)), RNN(3)])
    x = normal(2, 4, 2)
    padded = np.pad(x, [(0, 0), (0, 3), (0, 0)], constant_values=np.nan)
    mask = np.pad(np.ones((2, 4)), [(0, 0), (0, 3)])
    params = jax.jit(stack.init)(KEY, x)

    @jax.jit
    def measured(params, x, mask):
        def total(params):
            carry, y = stack.apply(params, x, mask=mask)
            return y.sum() + carry[0][0][0].sum(), (carry, y)

        return jax.grad(total, has_aux=True)(params)

    gradients, (carry, y) = jax.device_get(measured(params, x, np.ones((2, 4))))
    others, (other_carry, other_y) = jax.device_get(measured(params, padded, mask))
    chex.assert_trees_all_equal((carry, y), (other_carry, other_y[:, :4]))
    assert (other_y[:, 4:] == 0).all()
    chex.assert_trees_all_close(gradients, others, rtol=1e-6, atol=1e-7)


def test_a_carry_goes_on_where_a_sequence_was_cut():
    rnn = RNN(4)

    @jax.jit
    def both(x):
        params = rnn.init(KEY, x)
        carry, first = rnn.apply(params, x[:, :2])
        carry, second = rnn.apply(params, x[:, 2:], carry)
        return rnn.apply(params, x), (carry, jnp.concatenate([first, second], 1))

    chex.assert_trees_all_close(*both(normal(2, 6, 3)), rtol=1e-6)


def test_dropout_of_the_state_is_the_same_at_all_steps():
    """h' = tanh(a + (m ⊙ h) U) with h = U = 1 tells m at every step; a mask differs by example."""
    rnn = RNN(50, ELMAN, recurrent_dropout=0.5, recurrent_init=lambda *_: jnp.eye(50))
    x = np.ones((2, 3, 1), np.float32)

    @jax.jit
    def run():
        params = rnn.init(KEY, x)
        y = rnn.apply(params, x, train=True, rngs={"dropout": KEY})[1]
        after = [layer.apply(params, x)[1] for layer in (rnn, RNN(50, ELMAN))]
        return params["params"]["kernel"], y, after

    kernel, y, after = jax.device_get(run())
    a = (x @ kernel)[:, 0]
    masks = [(np.arctanh(y[:, t]) - a) / y[:, t - 1] for t in (1, 2)]
    np.testing.assert_allclose(masks[0], masks[1], atol=1e-3)
    assert set(np.unique(np.round(masks[0], 2))) == {0.0, 2.0}
    assert not (masks[0][0] == masks[0][1]).all()
    np.testing.assert_array_equal(*after)


def test_a_layer_that_stands_twice_shares_its_weights():
    shared = RNN(3)
    twice = Stack([shared, shared], dropout=Dropout(0.5))

    @jax.jit
    def both(x):
        params = twice.init(KEY, x)
        assert list(params["params"]) == ["layers_0"]
        alone = {"params": params["params"]["layers_0"]}
        return twice.apply(params, x)[1], shared.apply(alone, shared.apply(alone, x)[1])[1]

    np.testing.assert_allclose(*both(normal(2, 4, 3)), rtol=1e-6)


def test_the_forget_gate_starts_open():
    bias = jax.jit(RNN(2).init)(KEY, jnp.ones((1, 1, 1)))["params"]["bias"]
    np.testing.assert_array_equal(bias, [0, 0, 1, 1, 0, 0, 0, 0])


def test_what_is_no_sequence_is_named():
    with pytest.raises(ValueError, match=r"\[batch, time, features\], not \(2, 3\)"):
        RNN(2).init(KEY, jnp.ones((2, 3)))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_gradients_have_the_dtype_of_their_params(cell):
    """bfloat16 params with float32 inputs and carry."""
    rnn, x = RNN(2, cell), np.ones((1, 2, 3), np.float32)
    shapes = jax.eval_shape(rnn.init, KEY, x)
    params = jax.tree.map(lambda p: jax.ShapeDtypeStruct(p.shape, jnp.bfloat16), shapes)
    carry = (np.zeros((1, 2), np.float32),) * cell.states
    of_params = jax.grad(lambda params: rnn.apply(params, x, carry)[1].sum())
    chex.assert_trees_all_equal_dtypes(jax.eval_shape(of_params, params), params)
    hash(rnn)


def test_two_forward_layers_are_no_bidirectional_one():
    with pytest.raises(ValueError, match="needs its backward layer reversed"):
        Bidirectional(RNN(2), RNN(2)).init(KEY, jnp.ones((1, 1, 1)))
