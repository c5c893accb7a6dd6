"""Stochastic gradient descent (Robbins & Monro 1951)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers.averages import cast_like, widened
from jaxdl.types import Array, PyTree


class SgdState(NamedTuple):
    """step: int32 [], updates so far; what a schedule is asked for."""

    step: Array


def sgd(learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """Plain descent, `θ_t = θ_{t−1} − η_t g_t`; the last link of every other optimizer here.

    learning_rate: η, a number, a traced scalar, or a schedule `step -> η` with steps from 0.
    Updates keep the dtype of the gradient, whatever that of the rate.
    """

    def init(params: PyTree) -> SgdState:
        del params
        return SgdState(step=jnp.zeros([], jnp.int32))

    def update(
        updates: PyTree, state: SgdState, params: PyTree | None = None
    ) -> tuple[PyTree, SgdState]:
        del params
        rate = learning_rate(state.step) if callable(learning_rate) else learning_rate
        steps = jax.tree.map(lambda g: jnp.asarray(-rate, g.dtype) * g, widened(updates))
        return cast_like(steps, updates), SgdState(optax.safe_increment(state.step))

    return optax.GradientTransformation(init, update)
