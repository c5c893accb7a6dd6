"""Stochastic gradient descent (Robbins & Monro 1951)."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers._averages import cast_like, widened
from jaxdl.types import Array, PyTree


class SgdState(NamedTuple):
    """step: int32 [], updates so far; what a schedule is asked for."""

    step: Array


def sgd(learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformationExtraArgs:
    """Plain descent, `θ_t = θ_{t−1} − η_t g_t`; the last link of every other optimizer here.

    learning_rate: η, a number, a traced scalar, or a schedule `step -> η` with steps from 0.
    The product is taken in float32 at least; updates have the dtype of the gradient, whatever
    that of the rate.
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

    return optax.with_extra_args_support(optax.GradientTransformation(init, update))


def descent(
    *links: optax.GradientTransformation, learning_rate: optax.ScalarOrSchedule
) -> optax.GradientTransformationExtraArgs:
    """The links and `sgd` behind them, in float32 at least from end to end.

    A narrow gradient is widened once and the update rounded once, to the gradient's dtype: between
    the links a velocity may pass what float16 can hold.
    """
    inner = optax.chain(*links, sgd(learning_rate))

    def update(
        updates: PyTree, state: PyTree, params: PyTree | None = None, **extra: Any
    ) -> tuple[PyTree, PyTree]:
        wide, state = inner.update(widened(updates), state, params, **extra)
        return cast_like(wide, updates), state

    return optax.GradientTransformationExtraArgs(inner.init, update)
