"""What training takes: operations, counted; seconds, measured; joules, estimated."""

import functools
import time
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from jaxdl import params, report, train
from jaxdl.operations import counted
from jaxdl.optimizers import adam
from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState

WATTS, TIMED = 15.0, 10
"""What a busy core takes, an assumption; timed calls, of which the median counts."""


class Phase(NamedTuple):
    """So many training steps of a task on such batches."""

    task: Task
    batch: Batch
    steps: int


def table(phases: Mapping[str, Phase], watts: float = WATTS, note: str = "") -> report.Table:
    """Operations, seconds and joules of each phase, and how they are estimated; first one timed."""
    counts = {name: operations(phase.task, phase.batch) for name, phase in phases.items()}
    named, measured = next(iter(phases.items()))
    speed = counts[named] / seconds(measured.task, measured.batch)
    rows: list[dict[str, report.tables.Cell]] = []
    for name, phase in phases.items():
        total = phase.steps * counts[name]
        rows.append(
            {
                "phase": name, "steps": phase.steps, "operations (10¹²)": total / 1e12,
                "seconds": total / speed, "energy (J)": watts * total / speed,
            }
        )  # fmt: skip
    return report.table(
        rows,
        "Operations: two for each number that a matrix product or a convolution "
        "multiplies and adds, there and back, of a loop in all of its turns, times the steps. "
        f"Seconds: at {speed / 1e9:.3g}·10⁹ of them a second, as a step of {named} alone on the "
        f"machine has them, the median of {TIMED}. Energy: at {watts:g} W, an assumption. {note}",
    )


def frozen(task: Task, pattern: str) -> Task:
    """The task with the parameters whose path matches in its state, where nothing is learned."""

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        weights, model_state = task.init(key, batch)
        still = params.by_path(weights, pattern)
        learned = jax.tree.map(lambda kept, leaf: None if kept else leaf, still, weights)
        held = jax.tree.map(lambda kept, leaf: leaf if kept else None, still, weights)
        return learned, (held, model_state)

    def loss(
        learned: PyTree, states: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        held, own = states
        weights = jax.tree.map(
            lambda one, other: other if one is None else one,
            learned, held, is_leaf=lambda leaf: leaf is None,
        )  # fmt: skip
        value, (own, metrics) = task.loss(weights, own, batch, key, train=train)
        return value, ((held, own), metrics)

    return task._replace(init=init, loss=loss)


def seconds(task: Task, batch: Batch) -> float:
    """What a training step takes alone on the machine, the median of `TIMED`."""
    traced, state = _traced(task, batch)
    step, taken = traced.lower().compile(), []
    for _ in range(1 + TIMED):
        began = time.perf_counter()
        jax.block_until_ready(step(state, batch))
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[1:]))


def operations(task: Task, batch: Batch) -> float:
    """Of a training step, in its products and convolutions."""
    return counted(_traced(task, batch)[0].jaxpr)


def _traced(task: Task, batch: Batch) -> tuple[jax.stages.Traced, TrainState]:
    """A training step, not yet compiled, and a state of zeros that it takes."""
    init = functools.partial(train.init, task, adam(1e-3))
    shapes = jax.eval_shape(init, jax.random.key(0), batch)._replace(key=())
    state = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    state = state._replace(key=jax.random.key(0))
    return jax.jit(functools.partial(train.step, task, adam(1e-3))).trace(state, batch), state
