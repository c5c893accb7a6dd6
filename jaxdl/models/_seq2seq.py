"""Encoder and decoder, with one context or attention. Cho et al. 2014, https://arxiv.org/abs/1406.1078

With the encoder's outputs h_n, its last states c of both directions, and the decoder's state s_t:
    FixedContext    s_t = RNN([y_{t−1}; c], s_{t−1}),   o_t = tanh(W [s_t; c])
    Attentive       s_t = RNN(y_{t−1}, s_{t−1}),   z_t from s_t and all h_n,
                    o_t = tanh(W [s_t; z_t])
    InputFeeding    Attentive, but s_t = RNN([y_{t−1}; o_{t−1}], s_{t−1})
    AttendFirst     z_t from s_{t−1} and all h_n,   s_t = RNN([y_{t−1}; z_t], s_{t−1}),   o_t = s_t
    FromStates      s_0 = the encoder's last states, s_t = RNN(y_{t−1}, s_{t−1}),   o_t = s_t
Attentive and InputFeeding are Luong et al. 2015, https://arxiv.org/abs/1508.04025; AttendFirst has
the states of Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473; FromStates behind a
`StateEncoder` is Sutskever et al. 2014, https://arxiv.org/abs/1409.3215. In the others s_0 =
tanh(V c + b); in all, the logits of y_t are linear in o_t.
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.initializers import side_by_side
from jaxdl.layers.cells import GRU, LSTM, Carry, Cell
from jaxdl.layers.recurrent import RNN, Bidirectional
from jaxdl.layers.rows import by_rows
from jaxdl.types import Array, PyTree

Init = Callable[..., Array]


class Encoder(nn.Module):
    """Reads in both directions: `(ids [B, N], mask [B, N]) -> (c [B, 2 H], h [B, N, 2 H])`.

    vocabulary: ids there are. features: of an embedding. width: H. dropout: a module called with
    `train`, on the embeddings. Outputs are 0, and nothing depends on x, where the mask is 0.
    """

    vocabulary: int
    features: int
    width: int
    cell: Cell = GRU
    dropout: nn.Module | None = None
    kernel_init: Init = nn.initializers.lecun_normal()
    recurrent_init: Init = nn.initializers.orthogonal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, mask: Array | None, *, train: bool = False) -> tuple[Array, Array]:
        embedded = nn.Embed(self.vocabulary, self.features, name="embedding", dtype=self.dtype)(x)
        if self.dropout is not None:
            embedded = self.dropout(embedded, train=train)
        direction = functools.partial(
            RNN,
            self.width,
            self.cell,
            kernel_init=self.kernel_init,
            recurrent_init=self.recurrent_init,
            dtype=self.dtype,
        )
        both = Bidirectional(direction(), direction(reverse=True))
        (ahead, back), outputs = both(embedded, None, mask, train=train)
        return jnp.concatenate([ahead[0], back[0]], axis=-1), outputs


class StateEncoder(nn.Module):
    """Reads forwards: `(ids [B, N], mask [B, N]) -> (all last states [B, S H], h [B, N, H])`.

    S: states of the cell, 2 for an LSTM (h, then c). Other fields and the mask as in `Encoder`.
    """

    vocabulary: int
    features: int
    width: int
    cell: Cell = LSTM
    kernel_init: Init = nn.initializers.lecun_normal()
    recurrent_init: Init = nn.initializers.orthogonal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, mask: Array | None, *, train: bool = False) -> tuple[Array, Array]:
        embedded = nn.Embed(self.vocabulary, self.features, name="embedding", dtype=self.dtype)(x)
        body = RNN(
            self.width,
            self.cell,
            kernel_init=self.kernel_init,
            recurrent_init=self.recurrent_init,
            dtype=self.dtype,
        )
        states, outputs = body(embedded, None, mask, train=train)
        return jnp.concatenate(states, axis=-1), outputs


class Decoder(nn.Module):
    """What the decoders share; each has `begin` and `__call__`.

    width: H of states and outputs.
    """

    width: int
    cell: Cell = GRU
    kernel_init: Init = nn.initializers.lecun_normal()
    recurrent_init: Init = nn.initializers.orthogonal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        dense = functools.partial(nn.Dense, kernel_init=self.kernel_init, dtype=self.dtype)
        states = self.cell.states
        self.first = nn.Dense(
            states * self.width,
            kernel_init=side_by_side(self.kernel_init, states),
            dtype=self.dtype,
        )
        self.readout = dense(self.width)
        self.rnn = RNN(
            self.width,
            self.cell,
            kernel_init=self.kernel_init,
            recurrent_init=self.recurrent_init,
            dtype=self.dtype,
        )

    def begin(self, summary: Array, values: Array, mask: Array | None) -> PyTree:
        """The carry before the first step, of the encoder's c, h and mask; B is first in it."""
        raise NotImplementedError

    def __call__(self, carry: PyTree, y: Array, *, train: bool = False) -> tuple[PyTree, Any, Any]:
        """Embedded tokens `[B, T, D]` to (carry, o `[B, T, H]`, weights `[B, T, N]`)."""
        raise NotImplementedError

    def states(self, summary: Array) -> Carry:
        """s_0, and the other states of the cell."""
        return tuple(jnp.split(jnp.tanh(self.first(summary)), self.cell.states, axis=-1))

    def read(self, state: Array, context: Array) -> Array:
        """o of s and what it is joined with, `[..., H]`."""
        both = jnp.concatenate([state, context], axis=-1)
        return jnp.tanh(by_rows(self.readout, both))


class FixedContext(Decoder):
    """The same context at every step; its weights are None."""

    def begin(self, summary: Array, values: Array, mask: Array | None) -> PyTree:
        return summary, self.states(summary)

    def __call__(self, carry: PyTree, y: Array, *, train: bool = False) -> tuple[PyTree, Any, Any]:
        context, states = carry
        at_all = jnp.broadcast_to(context[:, None], (*y.shape[:2], context.shape[-1]))
        states, outputs = self.rnn(jnp.concatenate([y, at_all], axis=-1), states, train=train)
        return (context, states), self.read(outputs, at_all), None


class FromStates(Decoder):
    """Begins with the states that a `StateEncoder` of its cell and width ended with; no weights."""

    def begin(self, summary: Array, values: Array, mask: Array | None) -> PyTree:
        if summary.shape[-1] != self.cell.states * self.width:
            raise ValueError(
                f"the encoder ends with {summary.shape[-1]} numbers, and {self.cell.states} states "
                f"of {self.width} units begin here: use a StateEncoder of the same cell and width"
            )
        return tuple(jnp.split(summary, self.cell.states, axis=-1))

    def __call__(self, carry: PyTree, y: Array, *, train: bool = False) -> tuple[PyTree, Any, Any]:
        states, outputs = self.rnn(y, carry, train=train)
        return states, outputs, None


class Attentive(Decoder, kw_only=True):
    """Another context at each step, by an attention: a module such as `layers.attention.Soft`."""

    attention: nn.Module

    def begin(self, summary: Array, values: Array, mask: Array | None) -> PyTree:
        memory = self.attention.remember(values, mask)
        return memory, self.states(summary), self.attention.begin(memory)

    def __call__(self, carry: PyTree, y: Array, *, train: bool = False) -> tuple[PyTree, Any, Any]:
        memory, states, place = carry
        states, outputs = self.rnn(y, states, train=train)

        def look(decoder: "Attentive", place: PyTree, query: Array) -> tuple[PyTree, Any]:
            place, context, weights = decoder.attention(place, query, memory, train=train)
            return place, (context, weights)

        place, (contexts, weights) = _over_time(self, look, place, outputs)
        return (memory, states, place), self.read(outputs, contexts), weights


class InputFeeding(Attentive):
    """`Attentive` that is told at each step what the last one gave, what it looked at included."""

    def begin(self, summary: Array, values: Array, mask: Array | None) -> PyTree:
        memory, states, place = super().begin(summary, values, mask)
        return memory, states, place, jnp.zeros((len(summary), self.width), summary.dtype)

    def __call__(self, carry: PyTree, y: Array, *, train: bool = False) -> tuple[PyTree, Any, Any]:
        memory, *running = carry

        def advance(decoder: "InputFeeding", running: PyTree, y: Array) -> tuple[PyTree, Any]:
            states, place, fed = running
            inputs = jnp.concatenate([y, fed], axis=-1)[:, None]
            states, _ = decoder.rnn(inputs, states, train=train)
            place, context, weights = decoder.attention(place, states[0], memory, train=train)
            fed = decoder.read(states[0], context)
            return (states, place, fed), (fed, weights)

        running, (outputs, weights) = _over_time(self, advance, tuple(running), y)
        return (memory, *running), outputs, weights


class AttendFirst(Attentive):
    """Attends before each step, as the state before asks; the context goes into the state."""

    def __call__(self, carry: PyTree, y: Array, *, train: bool = False) -> tuple[PyTree, Any, Any]:
        memory, *running = carry

        def advance(decoder: "AttendFirst", running: PyTree, y: Array) -> tuple[PyTree, Any]:
            states, place = running
            place, context, weights = decoder.attention(place, states[0], memory, train=train)
            inputs = jnp.concatenate([y, context], axis=-1)[:, None]
            states, _ = decoder.rnn(inputs, states, train=train)
            return (states, place), (states[0], weights)

        running, (outputs, weights) = _over_time(self, advance, tuple(running), y)
        return (memory, *running), outputs, weights


class Seq2Seq(nn.Module):
    """Logits of each token of y from x and the tokens before it.

    `(x [B, N], x_mask [B, N], y [B, T]) -> (logits [B, T, V], weights [B, T, N])`, y being what is
    given (teacher forcing): from the start token on, without the last one. Weights are what the
    decoder's attention gives, None for `FixedContext`. An x_mask of None: all of x is real.
    encoder: as `Encoder`. decoder: one of the above, or what has their `begin` and `__call__`.
    vocabulary: V. features: D of the embedding of y. dropout: a module called with `train`, on what
    goes into the decoder and comes out of it.
    """

    encoder: nn.Module
    decoder: nn.Module
    vocabulary: int
    features: int
    dropout: nn.Module | None = None
    kernel_init: Init = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.embedding = nn.Embed(self.vocabulary, self.features, dtype=self.dtype)
        self.logits = nn.Dense(self.vocabulary, kernel_init=self.kernel_init, dtype=self.dtype)

    def __call__(
        self, x: Array, x_mask: Array | None, y: Array, *, train: bool = False
    ) -> tuple[Array, Any]:
        _, logits, weights = self._decode(self.begin(x, x_mask, train=train), y, train)
        return logits, weights

    def begin(self, x: Array, x_mask: Array | None, *, train: bool = False) -> PyTree:
        """The carry before the first token, for `step`; all its arrays have B first."""
        summary, values = self.encoder(x, x_mask, train=train)
        return self.decoder.begin(summary, values, x_mask)

    def step(self, carry: PyTree, tokens: Array) -> tuple[PyTree, Array]:
        """One token of each sequence, for `jaxdl.decoding`: tokens `[B]` to logits `[B, V]`."""
        carry, logits, _ = self._decode(carry, tokens[:, None], False)
        return carry, logits[:, 0]

    def _decode(self, carry: PyTree, y: Array, train: bool) -> tuple[PyTree, Array, Any]:
        carry, outputs, weights = self.decoder(
            carry, self._drop(self.embedding(y), train), train=train
        )
        return carry, by_rows(self.logits, self._drop(outputs, train)), weights

    def _drop(self, x: Array, train: bool) -> Array:
        return x if self.dropout is None else self.dropout(x, train=train)


def _over_time(
    decoder: nn.Module, body: Callable[..., Any], carry: PyTree, inputs: Array
) -> tuple[PyTree, Any]:
    """`body(decoder, carry, input [B, ...]) -> (carry, outputs)` along axis 1 of the inputs."""
    if decoder.is_initializing():
        body(decoder, carry, inputs[:, 0])
    scan = nn.scan(
        body,
        variable_broadcast="params",
        split_rngs={"params": False, "dropout": True},
        in_axes=1,
        out_axes=1,
        check_constancy_invariants=False,  # traces the body once instead of twice
    )
    return scan(decoder, carry, inputs)
