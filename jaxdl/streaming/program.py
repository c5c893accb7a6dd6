"""What is compiled: a step, the sums of its metrics, and a watch on the loss."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import train
from jaxdl.parallel import StepOver
from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState


class Carry(NamedTuple):
    """What goes from step to step.

    metrics: sums and weights since the last row. diverged_at: the first step whose loss was not
    finite, or −1.
    """

    state: TrainState
    metrics: Metrics
    diverged_at: Array


def blank(
    task: Task, tx: optax.GradientTransformation, step: train.Step, state: TrainState, batch: Batch
) -> Carry:
    """Before the first step."""
    if isinstance(step, StepOver):
        state = step.lay(state)
    shapes = jax.eval_shape(functools.partial(plain(step), task, tx), state, batch)[1]
    metrics = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    whole = step.copies if isinstance(step, StepOver) else jax.device_put
    return Carry(state, whole(metrics), whole(np.full((), -1, np.int32)))


def plain(step: train.Step) -> train.Step:
    """A step on one device, whose program is that of any number of devices."""
    return step.plain if isinstance(step, StepOver) else step


@functools.lru_cache(maxsize=32)
def compiled(
    task: Task, tx: optax.GradientTransformation, step: train.Step
) -> "jax.stages.Wrapped":
    """`(carry, batch) -> carry`."""

    def advance(carry: Carry, batch: Batch) -> Carry:
        state, metrics = step(task, tx, carry.state, batch)
        bad = (carry.diverged_at < 0) & ~jnp.isfinite(metrics["loss"][0])
        diverged_at = jnp.where(bad, state.step.astype(jnp.int32), carry.diverged_at)
        told = jax.tree.map(jnp.add, carry.metrics, metrics), diverged_at
        if isinstance(step, StepOver):
            told = step.everywhere(told)
        return Carry(state, *told)

    return jax.jit(advance)


def shapes(tree: PyTree) -> PyTree:
    """What a program is traced of, wherever the arrays of `tree` lie."""
    return jax.eval_shape(lambda same: same, tree)


@jax.jit
def all_finite(tree: PyTree) -> Array:
    """Whether every number of a tree is finite."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.array([jnp.isfinite(leaf).all() for leaf in leaves], bool).all()
