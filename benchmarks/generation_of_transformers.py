"""Greedy text from a GPT with its cache, against `transformers` on the same weights."""

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl import _cpu, decoding
from jaxdl.models import GPT, pretrained
from jaxdl.ops.attention import dot_product_attention
from jaxdl.types import Array, PyTree

VOCABULARY, WIDTH, DEPTH, HEADS, LENGTH = 4096, 256, 4, 4, 1024
PROMPT, TOKENS, FEW, REPEATS = 16, 256, 64, 7
FASTER, NOT_SLOWER = 3.0, 0.9


def continued(
    model: GPT, params: PyTree, tokens: int, places: int
) -> Callable[[np.ndarray], Array]:
    """What follows a prompt `[N]`, `[tokens]`, with a cache of so many places; compiled as one."""
    apply = functools.partial(model.apply, {"params": params})

    @jax.jit
    def generate(prompt: Array) -> Array:
        carry, last = cast(tuple[PyTree, Array], apply(prompt[None], places=places, method="begin"))
        step = cast(decoding.Step, functools.partial(apply, method="step"))
        return decoding.greedy(step, carry, last, tokens)[0]

    return generate


def against_transformers(quick: bool) -> Iterator[Row]:
    """Tokens a second of one text."""
    try:
        from benchmarks.peers import transformers_generation
    except ImportError:
        print("transformers is not installed: its rows are left out (make parity brings it)")
        return
    tokens = 32 if quick else TOKENS
    prompt = np.random.default_rng(0).integers(0, VOCABULARY, PROMPT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        transformers_generation.write(path, VOCABULARY, WIDTH, DEPTH, HEADS, LENGTH)
        model, params, _ = pretrained.load(path)
        expected, theirs = transformers_generation.generate(path, prompt, tokens)
    assert isinstance(model, GPT)
    generate = continued(model, params, tokens, PROMPT + tokens)
    equal = int((np.asarray(generate(prompt)) == expected).sum())
    threads = range(1, _cpu.count() + 1)
    ours, *timings = harness.alternate(
        1 if quick else REPEATS,
        lambda: harness.seconds(lambda: jax.block_until_ready(generate(prompt))),
        *(functools.partial(theirs, count) for count in threads),
    )
    best = min(timings, key=lambda timing: timing.median)
    yield Row(
        f"a text of {tokens} tokens, greedy, {DEPTH} layers of {WIDTH}",
        tokens / ours.median,
        tokens / best.median,
        f"transformers.generate on the same weights, {timings.index(best) + 1} thread(s)",
        "tokens/s",
        best.median / ours.median,
        FASTER,
        f"{equal} of {tokens} tokens equal; ours {harness.spread_ms(ours)}, theirs "
        f"{harness.spread_ms(best)}",
    )


def reading(places: int) -> Callable[[], Array]:
    """A token's attention to so many places in each layer, `FEW` times, and nothing else."""
    keys = jax.random.split(jax.random.key(0), 3)
    shape = (1, places, HEADS, WIDTH // HEADS)
    k, v = (jax.random.normal(key, shape) for key in keys[:2])
    q = jax.random.normal(keys[2], (1, 1, *shape[2:]))
    mask = jnp.ones((1, 1, 1, places), bool)

    @jax.jit
    def read(q: Array, k: Array, v: Array) -> Array:
        def body(q: Array, _: None) -> tuple[Array, None]:
            for _layer in range(DEPTH):
                q = dot_product_attention(q, k, v, mask=mask)
            return q, None

        return jax.lax.scan(body, q, None, FEW)[0]

    return lambda: read(q, k, v)


def growth(quick: bool) -> Iterator[Row]:
    """Seconds of a token with few places and with many, and what attention to them takes."""
    few, many = (PROMPT + FEW, 256) if quick else (PROMPT + FEW, LENGTH)
    model = GPT(VOCABULARY, WIDTH, DEPTH, HEADS, LENGTH)
    prompt = np.arange(PROMPT)
    params = jax.jit(model.init)(jax.random.key(0), prompt[None])["params"]
    makers: list[Callable[[], Array]] = []
    for places in (few, many):
        generate = continued(model, params, FEW, places)
        makers += [functools.partial(generate, prompt), reading(places)]

    def timed(run: Callable[[], Array]) -> Callable[[], float]:
        jax.block_until_ready(run())
        return lambda: harness.seconds(lambda: jax.block_until_ready(run())) / FEW

    short, read_short, long, read_long = (
        1e6 * timing.median
        for timing in harness.alternate(1 if quick else REPEATS, *map(timed, makers))
    )
    allowed = short + max(0.0, read_long - read_short)
    yield Row(
        f"a token with a cache of {many} places, {DEPTH} layers of {WIDTH}",
        long,
        allowed,
        f"one with {few} places and {DEPTH} times the attention to what is more",
        "µs",
        allowed / long,
        NOT_SLOWER,
        f"{short:.0f} µs with {few}; attention alone {read_short:.0f} and {read_long:.0f} µs",
    )


def rows(quick: bool) -> Iterator[Row]:
    """Both."""
    yield from against_transformers(quick)
    yield from growth(quick)
