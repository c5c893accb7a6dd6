"""Sequences packed in a row, against the same sequences apart."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.text import bucketing
from jaxdl.layers.cells import GRU, PEEPHOLE
from jaxdl.layers.recurrent import RNN, Bidirectional, Stack

KEY = jax.random.key(0)
SEQUENCES = [np.array([4, 5, 6]), np.array([7, 4]), np.array([6, 6, 5, 4, 7]), np.array([5])]
PACKED, APART = bucketing.pack(SEQUENCES, 6), bucketing.pad(SEQUENCES, 6)


def test_packed_sequences_are_the_sequences_apart():
    """Outputs and gradients, of two directions and a layer on them."""
    ways = Bidirectional(RNN(2, PEEPHOLE), RNN(2, GRU, reverse=True))
    stack = Stack([ways, RNN(3)])
    table = np.random.default_rng(0).standard_normal((8, 2), np.float32)
    assert PACKED["segment"].max() == 3

    @jax.jit
    def both(params, table):
        def measured(variables, x, **options):
            params, table = variables
            outputs = stack.apply(params, table[x], **options)[1]
            return jnp.sin(outputs).sum(), outputs

        find = jax.grad(measured, has_aux=True)
        packed = find((params, table), PACKED["x"], segments=PACKED["segment"])
        return packed, find((params, table), APART["x"], mask=APART["mask"])

    params = jax.jit(stack.init)(KEY, table[APART["x"]])
    (packed_gradient, packed), (gradient, apart) = jax.device_get(both(params, table))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        packed_gradient,
        gradient,
    )
    lengths = bucketing.lengths_of(SEQUENCES)
    for row, bin_ in enumerate(bucketing.first_fit(lengths, 6)):
        ends = np.cumsum([lengths[number] for number in bin_])
        for number, end in zip(bin_, ends, strict=True):
            alone = apart[number, : lengths[number]]
            found = packed[row, end - lengths[number] : end]
            np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-6)


def test_a_carry_belongs_to_the_first_segment_whatever_is_masked():
    """The second segment begins anew though its first step is masked, and padding before it."""
    segments = np.array([[0, 1, 1, 2, 2, 0]])
    mask = np.array([[1, 1, 1, 0, 1, 1]])
    x = np.random.default_rng(0).standard_normal((1, 6, 2), np.float32)
    for reverse in (False, True):
        rnn = RNN(3, GRU, reverse=reverse)
        begun = (np.full((1, 3), 0.7, np.float32),)

        @jax.jit
        def runs(rnn=rnn, begun=begun):
            params = rnn.init(KEY, x)
            first, second = rnn.apply(params, x[:, 1:3]), rnn.apply(params, x[:, 4:5])
            went_on = (rnn.apply(params, x[:, 4:5], begun), rnn.apply(params, x[:, 1:3], begun))
            return rnn.apply(params, x, begun, mask, segments=segments), first, second, went_on

        (carry, y), first, second, (second_on, first_on) = jax.device_get(runs())
        expected = (first, second_on) if reverse else (first_on, second)
        np.testing.assert_allclose(y[:, 1:3], expected[0][1], rtol=1e-5)
        np.testing.assert_allclose(y[:, 4:5], expected[1][1], rtol=1e-5)
        np.testing.assert_allclose(carry[0], expected[0 if reverse else 1][0][0], rtol=1e-5)
        assert not y[:, [0, 3, 5]].any()
