"""Seconds of one training step (forward, backward, Adam), ours in three ways, and against PyTorch.

Ours alone (a compiled step in a Python loop), inside `lax.scan`, and as a sweep runs it: a trial
per device, many steps in a scan. PyTorch in the fastest of the ways that are offered.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import harness
from benchmarks.harness import Row, Timing
from jaxdl import sweep, train
from jaxdl.optimizers import adam
from jaxdl.types import Batch, Task

REPEATS, STEPS = 5, 8
RATE = 1e-3
SWEPT = "a step of a sweep with a trial on each core"


def alone(task: Task, batch: Batch) -> Callable[[], float]:
    """Measures seconds of a compiled step, called from Python."""
    tx = adam(RATE)
    batch = jax.device_put(batch)
    step = jax.jit(lambda state, batch: train.step(task, tx, state, batch)[0])
    state = step(jax.jit(lambda key: train.init(task, tx, key, batch))(jax.random.key(0)), batch)

    def run() -> None:
        now = state
        for _ in range(STEPS):
            now = step(now, batch)
        jax.block_until_ready(now)

    run()
    return lambda: harness.seconds(run) / STEPS


def scanned(task: Task, batch: Batch, dtype: Any = jnp.float32) -> Callable[[], float]:
    """Measures seconds of a step inside `lax.scan`."""
    tx = adam(RATE)
    batch = jax.device_put(batch)
    state = jax.jit(lambda key: train.init(task, tx, key, batch))(jax.random.key(0))
    if jnp.issubdtype(batch["x"].dtype, jnp.floating):
        batch = {**batch, "x": batch["x"].astype(dtype)}

    @jax.jit
    def steps(state: Any, batch: Batch) -> Any:
        state = state._replace(params=jax.tree.map(lambda p: p.astype(dtype), state.params))
        state = state._replace(opt_state=tx.init(state.params))
        body = lambda state, _: (train.step(task, tx, state, batch)[0], None)  # noqa: E731
        return jax.lax.scan(body, state, None, STEPS)[0]

    def run() -> None:
        jax.block_until_ready(steps(state, batch))

    run()
    return lambda: harness.seconds(run) / STEPS


def swept(task: Task, batch: Batch) -> Callable[[], float]:
    """Measures seconds of a step as a sweep runs it, a trial on each device at once."""
    run = sweep.make_run(lambda h: (task, adam(h["rate"])), steps=STEPS, batch_size=len(batch["y"]))
    placement = sweep.place()
    lanes = placement.mesh.size
    data = jax.device_put({"train": batch}, placement.everywhere)
    hparams = {"rate": np.full(lanes, RATE, np.float32)}
    program = sweep.compile_run(run, placement, hparams, data, lanes)
    state = [program.init(hparams, np.arange(lanes, dtype=np.uint32), data)]

    def advance() -> None:
        # The state is donated: each call goes on from the one before.
        state[0], *_ = program.advance(hparams, state[0], np.ones(lanes, bool), data)
        jax.block_until_ready(state[0])

    advance()
    return lambda: harness.seconds(advance) / STEPS / lanes


WAYS = {"alone": alone, "in lax.scan": scanned, SWEPT: swept}


def torch_steps() -> Any:
    """The module of PyTorch's training steps; None if PyTorch is not installed."""
    try:
        from benchmarks.peers import torch_steps
    except ImportError:
        print("PyTorch is not installed: its rows are left out (make parity brings it)")
        return None
    return torch_steps


def against_torch(
    name: str, ours: dict[str, Callable[[], float]], theirs: dict[str, Any], target: float
) -> tuple[list[Row], dict[str, Timing]]:
    """A row for each way of ours against the fastest of theirs, these measured in turn."""
    trials = {way: min(measure(), measure()) for way, measure in theirs.items()}
    best = min(trials, key=lambda way: trials[way], default="")
    kept = {best: theirs[best]} if theirs else {}
    timings = harness.alternate(REPEATS, *ours.values(), *kept.values())
    found = dict(zip([*ours, *kept], timings, strict=True))
    if not theirs:
        return [], found
    rows = [
        Row(
            f"{name}, {way}",
            1e3 * found[way].median,
            1e3 * found[best].median,
            f"PyTorch, {best}",
            "ms",
            found[best].median / found[way].median,
            None if way == SWEPT else target,
            f"ours {harness.spread_ms(found[way])}, theirs {harness.spread_ms(found[best])}",
        )
        for way in ours
    ]
    return rows, found
