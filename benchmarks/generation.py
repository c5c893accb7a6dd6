"""Tokens a second of text from a recurrent network of characters, one text at a time.

Decoding that is compiled whole against a compiled step in a Python loop, with the draw of the token
inside the step or behind it; and a beam against greedy decoding.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl import decoding
from jaxdl.data.text.vocabulary import START
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.types import Array, PyTree

VOCABULARY, FEATURES, TEMPERATURE, WIDTH = 100, 32, 0.7, 8
UNITS, LARGE = 192, 512
LENGTH, REPEATS = 500, 9
AT_LEAST, BEAM = 3.0, 1 / 3
NEVER = -1
"""An end that no token is: all texts have full length, and every beam goes on."""

Decode = Callable[[decoding.Step, PyTree, Array, Array], Array]
"""`(step, carry, start, key) -> tokens [B, LENGTH]`."""


class Network(NamedTuple):
    """A model, its variables, and the state and token that a text begins with."""

    model: LanguageModel
    variables: PyTree
    carry: PyTree
    start: Array


def network(units: int, texts: int = 1) -> Network:
    """One layer of LSTM cells with random weights."""
    model = LanguageModel(VOCABULARY, FEATURES, RNN(units))
    start = jnp.full(texts, START, jnp.int32)
    variables = jax.jit(model.init)(jax.random.key(0), start[:, None])
    carry, _ = model.apply(variables, start[:, None])
    return Network(model, variables, carry, start)


def one_token(net: Network, variables: PyTree) -> decoding.Step:
    """The model as `jaxdl.decoding` takes it."""
    return cast(decoding.Step, functools.partial(net.model.apply, variables, method="step"))


def whole(net: Network, decode: Decode) -> Callable[[], float]:
    """Measures seconds of a text by `decode(step, carry, start, key)`, compiled as one."""

    @jax.jit
    def generate(variables: PyTree, carry: PyTree, start: Array, key: Array) -> Array:
        return decode(one_token(net, variables), carry, start, key)

    return _timed(lambda key: generate(net.variables, net.carry, net.start, key))


def draw_inside(net: Network) -> Callable[[], float]:
    """Measures seconds of a text by a loop in Python; the step draws, tokens stay on the device."""

    @jax.jit
    def step(
        variables: PyTree, carry: PyTree, token: Array, key: Array
    ) -> tuple[PyTree, Array, Array]:
        key, now = jax.random.split(key)
        carry, logits = one_token(net, variables)(carry, token)
        return carry, jax.random.categorical(now, logits / TEMPERATURE), key

    def generate(key: Array) -> list[Array]:
        carry, token, tokens = net.carry, net.start, []
        for _ in range(LENGTH):
            carry, token, key = step(net.variables, carry, token, key)
            tokens.append(token)
        return tokens

    return _timed(generate)


def draw_behind(net: Network) -> Callable[[], float]:
    """Measures seconds of a text by a loop in Python that draws in a compiled function of its own,
    from the logits of the step; tokens stay on the device."""

    @jax.jit
    def step(variables: PyTree, carry: PyTree, token: Array) -> tuple[PyTree, Array]:
        return one_token(net, variables)(carry, token)

    @jax.jit
    def pick(key: Array, logits: Array) -> tuple[Array, Array]:
        key, now = jax.random.split(key)
        return key, jax.random.categorical(now, logits / TEMPERATURE)

    def generate(key: Array) -> list[Array]:
        carry, token, tokens = net.carry, net.start, []
        for _ in range(LENGTH):
            carry, logits = step(net.variables, carry, token)
            key, token = pick(key, logits)
            tokens.append(token)
        return tokens

    return _timed(generate)


def _timed(generate: Callable[[Array], Array | list[Array]]) -> Callable[[], float]:
    keys = iter(jax.random.split(jax.random.key(0), 1000))

    def run() -> None:
        np.asarray(jax.block_until_ready(generate(next(keys))))

    run()
    return lambda: harness.seconds(run)


def sampled(units: int, target: float | None) -> list[Row]:
    """A row for each way of the loop."""
    net = network(units)

    def sample(step: decoding.Step, carry: PyTree, start: Array, key: Array) -> Array:
        return decoding.sample(step, carry, start, LENGTH, key, temperature=TEMPERATURE)

    ways = {"draws": draw_inside(net), "gives logits to draw from": draw_behind(net)}
    ours, *theirs = harness.alternate(REPEATS, whole(net, sample), *ways.values())
    return [
        Row(
            f"a text sampled, LSTM of {units}",
            LENGTH / ours.median,
            LENGTH / timing.median,
            f"a Python loop around a compiled step that {way}",
            "tokens/s",
            timing.median / ours.median,
            target,
            f"{LENGTH} tokens: ours {harness.spread_ms(ours)}, theirs {harness.spread_ms(timing)}",
        )
        for way, timing in zip(ways, theirs, strict=True)
    ]


def beamed(units: int) -> list[Row]:
    """The time of a text by beam search against greedy decoding of one text, and of as many."""

    def greedy(step: decoding.Step, carry: PyTree, start: Array, key: Array) -> Array:
        return decoding.greedy(step, carry, start, LENGTH, NEVER)

    def beam(step: decoding.Step, carry: PyTree, start: Array, key: Array) -> Array:
        return decoding.beam(step, carry, start, LENGTH, width=WIDTH, end=NEVER)[0]

    one, several = network(units), network(units, WIDTH)
    wide, *theirs = harness.alternate(
        REPEATS, whole(one, beam), whole(one, greedy), whole(several, greedy)
    )
    against = {"greedy decoding of a text": BEAM, f"greedy decoding of {WIDTH} texts": None}
    return [
        Row(
            f"a text by a beam of {WIDTH}, LSTM of {units}",
            1e3 * wide.median,
            1e3 * timing.median,
            name,
            "ms",
            timing.median / wide.median,
            target,
            f"{LENGTH} tokens: beam {harness.spread_ms(wide)}, greedy {harness.spread_ms(timing)}",
        )
        for (name, target), timing in zip(against.items(), theirs, strict=True)
    ]


def measure(quick: bool) -> list[Row]:
    """The network of experiments.char_rnn; not `quick`: a larger one too."""
    rows: list[Row] = []
    for units in (UNITS,) if quick else (UNITS, LARGE):
        rows += sampled(units, AT_LEAST if units == UNITS else None)
        rows += beamed(units)
    return rows


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
