"""Memory and time of a training step on long texts, against a matrix of all scores."""

import math
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import jax
import numpy as np

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl import tasks, train
from jaxdl.models import GPT
from jaxdl.ops import attention
from jaxdl.optimizers import adam

VOCABULARY, WIDTH, DEPTH, HEADS, LENGTH = 256, 256, 4, 4, 2048
SMALLER, AS_FAST, REPEATS = 4.0, 1 / 1.2, 5


def memory(quick: bool) -> Iterator[Row]:
    """Temporaries as the compiler counts them, and seconds."""
    depth, length = (1, 1024) if quick else (DEPTH, LENGTH)
    task, tx = tasks.language_model(GPT(VOCABULARY, WIDTH, depth, HEADS, length)), adam(1e-3)
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (2, 1, length)).astype(np.int32)
    batch = jax.device_put({"x": ids[0], "y": ids[1]})
    state = jax.jit(lambda key: train.init(task, tx, key, batch))(jax.random.key(0))

    def compiled() -> jax.stages.Compiled:
        step = jax.jit(lambda state, batch: train.step(task, tx, state, batch)[0])
        return step.lower(state, batch).compile()

    blockwise = compiled()
    with mock.patch.object(attention, "LONG_ON_CPU", math.inf):
        whole = compiled()
    ours_mib, theirs_mib = (_temporaries(each) / 2**20 for each in (blockwise, whole))
    case = f"training at T = {length}, {depth} layers of {WIDTH}, {HEADS} heads"
    against = "attention that keeps all scores"
    note = "temporaries of the compiled step"
    smaller = theirs_mib / ours_mib
    yield Row(f"{case}, memory", ours_mib, theirs_mib, against, "MiB", smaller, SMALLER, note)

    def timed(step: jax.stages.Compiled) -> Callable[[], float]:
        jax.block_until_ready(step(state, batch))
        return lambda: harness.seconds(lambda: jax.block_until_ready(step(state, batch)))

    repeats = 1 if quick else REPEATS
    ours, theirs = harness.alternate(repeats, timed(blockwise), timed(whole))
    note = f"ours {harness.spread_ms(ours)}, theirs {harness.spread_ms(theirs)}"
    mine, other = 1e3 * ours.median, 1e3 * theirs.median
    yield Row(f"{case}, a step", mine, other, against, "ms", other / mine, AS_FAST, note)


def _temporaries(compiled: Any) -> int:
    return compiled.memory_analysis().temp_size_in_bytes
