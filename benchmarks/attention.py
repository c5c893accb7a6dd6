"""Attention: training steps, sweeps, texts and memory; on an accelerator the share of its peak.

On CPU against PyTorch at its best number of threads and as it comes, against `transformers`,
against attention that keeps the whole matrix of scores, and against stacks that keep what others
compute anew.
"""

import functools
from collections.abc import Callable, Iterator

import jax
import numpy as np

from benchmarks import generation_of_transformers, gpt2, harness, in_flight, small_transformers
from benchmarks.harness import Row
from benchmarks.memory_of_attention import memory, recomputed
from benchmarks.training_step import Problem, against_torch, torch_cases, ways
from jaxdl import _cpu, tasks
from jaxdl.models import BERT, GPT, BERTPretraining
from jaxdl.types import Batch, Task

VOCABULARY, HEADS = 4096, 4
SHAPES = ((256, 4, 128, 8), (384, 6, 256, 4))
"""Width, layers, T and batch of training steps."""
SMALL = (64, 1, 32, 2)
CHOSEN, PADDED = 0.15, 8
"""Of BERT's words, the share that is guessed; one in so many is padding; so in `torch_steps`."""
AS_FAST, OF_SWEEPS, OVER_LOOP, OVER_ENSEMBLE = 1.0, 1.3, 4.0, 2.0
TRIALS = 64
LANES = (1, 64, 1024)
BUDGET = 130.0
"""Seconds in which steps of GPT-2 begin."""


def gpt(width: int, depth: int, length: int, batch: int) -> tuple[Task, Batch]:
    """The network of `torch_steps.GPT`, and ids."""
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (2, batch, length)).astype(np.int32)
    model = GPT(VOCABULARY, width, depth, HEADS, length)
    return tasks.language_model(model), {"x": ids[0], "y": ids[1]}


def bert(width: int, depth: int, length: int, batch: int) -> tuple[Task, Batch]:
    """The network of `torch_steps.BERT`, and ids of which some are to be guessed."""
    rng = np.random.default_rng(0)
    ids = rng.integers(1, VOCABULARY, (2, batch, length)).astype(np.int32)
    ids[0, :, -length // PADDED :] = 0
    model = BERTPretraining(BERT(VOCABULARY, width, depth, HEADS, length), next_sentence=False)
    chosen = (rng.random(ids[1].shape) < CHOSEN).astype(np.float32)
    of_keys = (ids[0] != 0).astype(np.int32)
    return tasks.masked_language_model(model), {
        "x": ids[0],
        "x_mask": of_keys,
        "y": ids[1],
        "y_mask": chosen,
    }


MODELS = "gpt", "bert"


def steps(quick: bool) -> Iterator[Row]:
    """Training steps of GPT, and of BERT's masked words."""
    for shape in (SMALL,) if quick else SHAPES:
        width, depth, length, batch = shape
        for name in MODELS:
            cases = torch_cases(name, (VOCABULARY, width, depth, HEADS), (batch, length))
            case = f"{name.upper()} step, {depth} layers of {width}, {batch} × {length} tokens"
            with ways(Problem("benchmarks.attention", name, shape)) as ours:
                yield from against_torch(case, ours, cases, AS_FAST, OF_SWEEPS)[0]


def sweeps(quick: bool) -> Iterator[Row]:
    """Small transformers as a sweep, compilation included."""
    try:
        from benchmarks.peers import torch_sweep
    except ImportError:
        print("PyTorch is not installed: a sweep has no peer here (make parity brings it)")
        return
    trials = 4 if quick else TRIALS
    few = 1 if quick else 2

    def loop(threads: int, fused: bool) -> float:
        return torch_sweep.loop(range(few), threads, fused) / few * trials

    def ensemble(threads: int) -> float:
        return torch_sweep.ensemble(trials, 5 * few, threads) * small_transformers.STEPS

    peers: dict[str, tuple[Callable[[], float], float]] = {}
    for threads in range(1, _cpu.count() + 1):
        at = f"{threads} thread(s)"
        for adam, fused in (("as it comes", False), ("fused", True)):
            measured = functools.partial(loop, threads, fused)
            peers[f"a PyTorch loop, Adam {adam}, {at}"] = (measured, OVER_LOOP)
        measured = functools.partial(ensemble, threads)
        peers[f"one torch.func ensemble, {at}"] = (measured, OVER_ENSEMBLE)
    problem = small_transformers.sweep_of(trials)
    ours, *theirs = harness.alternate(
        1 if quick else 3,
        lambda: in_flight.seconds(problem)[0],
        *(measure for measure, _ in peers.values()),
    )
    found = []
    for (name, (_, target)), timing in zip(peers.items(), theirs, strict=True):
        case = f"{trials} small transformers, {small_transformers.STEPS} steps, with compilation"
        note = f"ours {harness.spread(ours)} s, theirs {harness.spread(timing)} s, extrapolated"
        ratio = timing.median / ours.median
        found.append(Row(case, ours.median, timing.median, name, "s", ratio, target, note))
    # The fastest number of threads and kind of Adam; the loop with Adam as it comes as well.
    for kind in ("a PyTorch loop, Adam as it comes", "a PyTorch loop", "one torch.func"):
        yield min((row for row in found if row.against.startswith(kind)), key=lambda row: row.ratio)


def measure(quick: bool) -> Iterator[Row]:
    """What this machine can show."""
    if jax.default_backend() == "cpu":
        yield from steps(quick)
        yield from sweeps(quick)
        yield from generation_of_transformers.rows(quick)
        yield from memory(quick)
        yield from recomputed(quick)
        return
    lanes = LANES[:2] if quick else LANES
    yield from in_flight.rows("small transformers", small_transformers.sweep_of, lanes, None)
    yield from gpt2.rows(gpt2.CASES[:1] if quick else gpt2.CASES, BUDGET)


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
