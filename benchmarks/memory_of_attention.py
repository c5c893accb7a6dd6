"""Memory and time of training steps: on long texts, and of deep stacks that compute anew.

On long texts against a matrix of all scores; with activations computed anew on the way back (Chen
et al. 2016, https://arxiv.org/abs/1604.06174) against a step that keeps them all.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
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
DEEP = {"width": 128, "depth": 16, "length": 256, "rows": 8}
SHALLOW = {"width": 32, "depth": 4, "length": 64, "rows": 2}
"""Of the stacks that compute anew, and of those for a first look."""
SMALLER, AS_FAST, REPEATS = 4.0, 1 / 1.2, 5
ANEW, GROWTH = 1 / 1.4, 1.6
"""Time that computing anew may take; how much less than the depth memory grows, at four times the
depth: 2 would be its root, but there is a gradient of every parameter."""
BARRIERS: dict[str, str | bool] = {"xla_disable_hlo_passes": "cse_barrier_expander"}
"""Without this XLA on CPU takes no notice of `jax.checkpoint`: see `docs/surprises.md`."""


class Step(NamedTuple):
    """A compiled training step: MiB of temporaries as the compiler counts them, and seconds."""

    mib: float
    seconds: Callable[[], float]


def memory(quick: bool) -> Iterator[Row]:
    """A step on long texts, in blocks against all scores at once."""
    depth, length = (1, 1024) if quick else (DEPTH, LENGTH)
    model = GPT(VOCABULARY, WIDTH, depth, HEADS, length)
    blockwise = compiled(model, 1)
    with mock.patch.multiple(attention, LONG=math.inf, LONG_ON_CPU=math.inf):
        whole = compiled(model, 1)
    case = f"training at T = {length}, {depth} layers of {WIDTH}, {HEADS} heads"
    against = "attention that keeps all scores"
    yield _smaller(case, blockwise, whole, against, SMALLER)
    ours, theirs = harness.alternate(1 if quick else REPEATS, blockwise.seconds, whole.seconds)
    yield harness.timed(f"{case}, a step", ours, theirs, against, target=AS_FAST)


def recomputed(quick: bool) -> Iterator[Row]:
    """A step of a deep stack whose layers compute their activations anew, by the policy `remat`."""
    sizes = SHALLOW if quick else DEEP
    width, length, rows = sizes["width"], sizes["length"], sizes["rows"]

    def step(depth: int, together: int) -> Step:
        """together: 0 keeps everything."""
        remat = jax.checkpoint_policies.nothing_saveable if together else None
        model = GPT(VOCABULARY, width, depth, HEADS, length, remat=remat, together=max(together, 1))
        anew = together and jax.default_backend() == "cpu"
        return compiled(model, rows, BARRIERS if anew else None)

    depth, root = sizes["depth"], math.isqrt(sizes["depth"])
    kept, alone, grouped = (step(depth, together) for together in (0, 1, root))
    timings = harness.alternate(
        1 if quick else REPEATS, *(way.seconds for way in (kept, alone, grouped))
    )
    case = f"training of {depth} layers of {width}, {rows} × {length} tokens"
    against = "a step that keeps all activations"
    ways = {"each layer": alone, f"{root} layers at once": grouped}
    for (name, way), timing in zip(ways.items(), timings[1:], strict=True):
        yield _smaller(f"{case}, {name} computed anew", way, kept, against, None)
        anew = f"{case}, {name} computed anew, a step"
        yield harness.timed(anew, timing, timings[0], against, target=ANEW)
    fewer = depth // 4
    growth = grouped.mib / step(fewer, math.isqrt(fewer)).mib
    case = f"growth of memory from {fewer} to {depth} layers of {width}, √depth computed anew"
    yield Row(case, growth, 4.0, "the depth", "times", 4 / growth, GROWTH, "of the temporaries")


def compiled(model: GPT, rows: int, options: dict[str, str | bool] | None = None) -> Step:
    """The training step of a model on so many rows of ids, run once. options: of the compiler."""
    task, tx = tasks.language_model(model), adam(1e-3)
    shape = (2, rows, model.length)
    ids = np.random.default_rng(0).integers(0, VOCABULARY, shape).astype(np.int32)
    batch = jax.device_put({"x": ids[0], "y": ids[1]})
    state = jax.jit(lambda key: train.init(task, tx, key, batch))(jax.random.key(0))
    step = jax.jit(lambda state, batch: train.step(task, tx, state, batch)[0])
    program = step.lower(state, batch).compile(options)

    def run() -> object:
        return jax.block_until_ready(program(state, batch))

    run()
    usage: Any = program.memory_analysis()
    return Step(usage.temp_size_in_bytes / 2**20, lambda: harness.seconds(run))


def _smaller(case: str, ours: Step, theirs: Step, against: str, target: float | None) -> Row:
    ratio, note = theirs.mib / ours.mib, "temporaries of the compiled step"
    return Row(f"{case}, memory", ours.mib, theirs.mib, against, "MiB", ratio, target, note)
