"""What is compiled: a step, the sums of its metrics, and a watch on the loss."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl import train
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
    shapes = jax.eval_shape(functools.partial(step, task, tx), state, batch)[1]
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return Carry(state, zeros, jnp.full((), -1, jnp.int32))


@functools.lru_cache(maxsize=32)
def compiled(
    task: Task, tx: optax.GradientTransformation, step: train.Step
) -> "jax.stages.Wrapped":
    """`(carry, batch) -> carry`."""

    def advance(carry: Carry, batch: Batch) -> Carry:
        state, metrics = step(task, tx, carry.state, batch)
        bad = (carry.diverged_at < 0) & ~jnp.isfinite(metrics["loss"][0])
        diverged_at = jnp.where(bad, state.step.astype(jnp.int32), carry.diverged_at)
        return Carry(state, jax.tree.map(jnp.add, carry.metrics, metrics), diverged_at)

    return jax.jit(advance)


@jax.jit
def all_finite(tree: PyTree) -> Array:
    """Whether every number of a tree is finite."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.array([jnp.isfinite(leaf).all() for leaf in leaves], bool).all()
