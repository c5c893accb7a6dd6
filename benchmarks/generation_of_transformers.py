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
TEXTS = 1, 8
FASTER, NOT_SLOWER = 3.0, 0.9


def continued(
    model: GPT, params: PyTree, tokens: int, places: int
) -> Callable[[np.ndarray], Array]:
    """What follows prompts `[B, N]`, `[B, tokens]`, with a cache of so many places; one program."""
    apply = functools.partial(model.apply, {"params": params})

    @jax.jit
    def generate(prompts: Array) -> Array:
        carry, last = cast(tuple[PyTree, Array], apply(prompts, places=places, method="begin"))
        step = cast(decoding.Step, functools.partial(apply, method="step"))
        return decoding.greedy(step, carry, last, tokens)

    return generate


def against_transformers(quick: bool) -> Iterator[Row]:
    """Tokens a second of one text, and of several at once."""
    try:
        from benchmarks.peers import transformers_generation
    except ImportError:
        print("transformers is not installed: its rows are left out (make parity brings it)")
        return
    tokens = 32 if quick else TOKENS
    threads = range(1, _cpu.count() + 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        transformers_generation.write(path, VOCABULARY, WIDTH, DEPTH, HEADS, LENGTH)
        model, params, _ = pretrained.load(path)
        assert isinstance(model, GPT)
        generate = continued(model, params, tokens, PROMPT + tokens)
        for texts in TEXTS:
            prompts = np.random.default_rng(0).integers(0, VOCABULARY, (texts, PROMPT))
            expected, theirs = transformers_generation.generate(path, prompts, tokens)
            equal = int((np.asarray(generate(prompts)) == expected).sum())
            run = functools.partial(generate, prompts)
            ours, *timings = harness.alternate(
                1 if quick else REPEATS,
                functools.partial(_seconds, run),
                *(functools.partial(theirs, count) for count in threads),
            )
            best = min(timings, key=lambda timing: timing.median)
            yield Row(
                f"{texts} text{'s' * (texts > 1)} of {tokens} tokens, greedy, "
                f"{DEPTH} layers of {WIDTH}",
                expected.size / ours.median,
                expected.size / best.median,
                f"transformers.generate on the same weights, {timings.index(best) + 1} thread(s)",
                "tokens/s",
                best.median / ours.median,
                FASTER if texts == 1 else None,
                f"{equal} of {expected.size} tokens equal; ours {harness.spread_ms(ours)}, theirs "
                f"{harness.spread_ms(best)}",
            )


def reading(places: int) -> Callable[[], Array]:
    """A token's attention to so many places in each layer, `FEW` times, and nothing else."""
    shape = (1, places, HEADS, WIDTH // HEADS)
    first, *keys = jax.random.split(jax.random.key(0), 1 + 2 * DEPTH)
    q = jax.random.normal(first, (1, 1, *shape[2:]))
    drawn = [jax.random.normal(key, shape) for key in keys]
    layers = list(zip(drawn[::2], drawn[1::2], strict=True))
    mask = jnp.ones((1, 1, 1, places), bool)

    @jax.jit
    def read(q: Array, layers: list[tuple[Array, Array]]) -> Array:
        def body(q: Array, _: None) -> tuple[Array, None]:
            for k, v in layers:
                q = dot_product_attention(q, k, v, mask=mask)
            return q, None

        return jax.lax.scan(body, q, None, FEW)[0]

    return lambda: read(q, layers)


def growth(quick: bool) -> Iterator[Row]:
    """Seconds of a token with few places and with many, and what attention to them takes."""
    few, many = (PROMPT + FEW, 256) if quick else (PROMPT + FEW, LENGTH)
    model = GPT(VOCABULARY, WIDTH, DEPTH, HEADS, LENGTH)
    prompts = np.arange(PROMPT)[None]
    params = jax.jit(model.init)(jax.random.key(0), prompts)["params"]

    makers: list[Callable[[], float]] = []
    for places in (few, many):
        one, more = (
            functools.partial(continued(model, params, tokens, places), prompts)
            for tokens in (1, 1 + FEW)
        )
        # What the first token takes is the prompt's and the empty cache's.
        makers += [_a_token(more, one), _a_token(reading(places))]
    short, read_short, long, read_long = (
        1e6 * timing.median for timing in harness.alternate(1 if quick else REPEATS, *makers)
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


def _seconds(run: Callable[[], Array]) -> float:
    return harness.seconds(lambda: jax.block_until_ready(run()))


def _a_token(
    run: Callable[[], Array], less: Callable[[], Array] | None = None
) -> Callable[[], float]:
    """Measures seconds of one of `FEW` tokens, without what else is in a run."""
    runs = [run] if less is None else [run, less]
    for each in runs:
        jax.block_until_ready(each())

    def measure() -> float:
        whole, *rest = map(_seconds, runs)
        return (whole - sum(rest)) / FEW

    return measure


def rows(quick: bool) -> Iterator[Row]:
    """Both."""
    yield from against_transformers(quick)
    yield from growth(quick)
