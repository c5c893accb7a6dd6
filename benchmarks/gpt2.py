"""A training step of GPT-2 small on an accelerator: 12 layers of 768, 1,024 tokens, AdamW.

Operations of the model in a step: (6·N + 12·L·width·T) · tokens (Chowdhery et al. 2022, appendix B,
https://arxiv.org/abs/2204.02311), with N parameters without the table of positions, which nothing
is multiplied by, L layers and T tokens in a text: what is computed anew, and the half of attention
that a causal mask spares, change nothing in it. The share is of the dense bfloat16 operations that
the maker states for the chip. Parameters are float32, products bfloat16, attention is cuDNN's.
"""

import functools
import time
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp

from benchmarks import harness
from benchmarks.harness import Row
from benchmarks.step_time import PEAKS
from jaxdl import tasks, train
from jaxdl.models import GPT
from jaxdl.optimizers import adamw
from jaxdl.sweep.compilation import needed_bytes
from jaxdl.types import Array, Batch, TrainState

VOCABULARY, PADDED, WIDTH, DEPTH, HEADS, LENGTH = 50257, 50304, 768, 12, 12, 1024
"""The table of the words has rows for whole blocks of 64."""
RATE, STEPS, REPEATS, AT_LEAST = 3e-4, 8, 3, 0.5
STATED = "dense bfloat16 as the maker states it"


class Case(NamedTuple):
    """A batch of so many texts; logits: the dtype in which they are kept; without: XLA's flags."""

    batch: int
    logits: str = "float32"
    without: tuple[str, ...] = ("xla_gpu_enable_triton_gemm",)

    def describe(self) -> str:
        less = "".join(f", without {name}" for name in self.without)
        return f"GPT-2 small, {self.batch} × {LENGTH} tokens, logits {self.logits}{less}"


CASES = (
    Case(32, "bfloat16"),
    Case(32),
    Case(64, "bfloat16"),
    Case(32, "bfloat16", ()),
    Case(64),
    Case(16),
)
"""The ones that tell most come first, since time may end."""


class NarrowLogits(GPT):
    """Logits are rounded to the dtype of the products, and read as float32."""

    def logits(self, x: Array, table: Array) -> Array:
        rows = x.reshape(-1, x.shape[-1])
        logits = jnp.matmul(rows, jnp.asarray(table, x.dtype).T)
        return logits.reshape(*x.shape[:-1], len(table)).astype(jnp.float32)


def operations(state: TrainState) -> int:
    """Floating-point operations of the model for one token."""
    sizes = jax.tree.map(jnp.size, state.params)
    count = sum(jax.tree.leaves(sizes)) - sum(jax.tree.leaves(sizes["positions"]))
    count -= (PADDED - VOCABULARY) * WIDTH
    return 6 * count + 12 * DEPTH * WIDTH * LENGTH


def step_of(case: Case) -> tuple[float, float, int]:
    """Seconds of a step, MiB that it needs, and operations of the model for one token."""
    kind = GPT if case.logits == "float32" else NarrowLogits
    task = tasks.language_model(kind(PADDED, WIDTH, DEPTH, HEADS, LENGTH, dtype=jnp.bfloat16))
    tx = adamw(RATE)
    ids = jax.random.randint(jax.random.key(0), (case.batch, LENGTH + 1), 0, VOCABULARY)
    batch = {"x": ids[:, :-1], "y": ids[:, 1:]}
    one = {name: array[:1] for name, array in batch.items()}
    state = jax.jit(lambda key: train.init(task, tx, key, one))(jax.random.key(1))

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Array]:
        state, metrics = train.step(task, tx, state, batch)
        return state, train.mean(metrics)["loss"]

    compiled = step.lower(state, batch).compile(compiler_options=dict.fromkeys(case.without, False))
    states = [state]

    def run() -> None:
        for _ in range(STEPS):
            states[0], loss = compiled(states[0], batch)
        if not jnp.isfinite(jax.block_until_ready(loss)):
            raise ValueError(f"the loss is {loss}")

    run()
    (timing,) = harness.alternate(REPEATS, lambda: harness.seconds(run) / STEPS)
    return timing.median, needed_bytes(compiled) / 2**20, operations(states[0])


def rows(cases: tuple[Case, ...], budget: float) -> Iterator[Row]:
    """A row for each case, and the best again; none begins after `budget` seconds."""
    began, found = time.perf_counter(), []
    for case in cases:
        if time.perf_counter() - began > budget:
            print(f"{case.describe()}: left out, the time is up", flush=True)
            continue
        try:
            seconds, memory, each = step_of(case)
        except Exception as error:
            print(f"{case.describe()}: left out: {str(error)[:500]}", flush=True)
            continue
        tokens = case.batch * LENGTH
        note = f"{1e3 * seconds:.1f} ms, {tokens / seconds:,.0f} tokens/s, {memory:,.0f} MiB"
        found.append(_row(case.describe(), each * tokens / seconds, note))
        yield found[-1]
    if found:
        best = max(found, key=lambda row: row.ours)
        target = AT_LEAST if best.against == STATED else None
        yield best._replace(case=f"the best of these: {best.case}", target=target)


def _row(case: str, rate: float, note: str) -> Row:
    device = jax.local_devices()[0].device_kind
    peak, against = PEAKS.get(device), STATED
    if peak is None:
        peak, against = rate, f"itself: the peak of {device} is not known here"
    return Row(case, rate / 1e12, peak / 1e12, against, "TFLOP/s", rate / peak, None, note)
