"""Nesterov's accelerated gradient (Nesterov 1983), in the form of Sutskever et al. 2013."""

import optax

from jaxdl.optimizers._averages import Scalar, accumulators, cast_like, decay_rate, widened
from jaxdl.optimizers._momentum import MomentumState, accelerate
from jaxdl.optimizers._sgd import descent
from jaxdl.types import PyTree


def scale_by_nesterov(decay: Scalar = 0.9) -> optax.GradientTransformationExtraArgs:
    """Replace the gradient by `g_t + γ v_t` with `v_t = γ v_{t−1} + g_t`, v_0 = 0; decay: γ.

    The parameters carried are the look-ahead ones, at which the gradient is taken.
    """
    decay = decay_rate("decay", decay)

    def init(params: PyTree) -> MomentumState:
        return MomentumState(velocity=accumulators(params))

    def update(
        updates: PyTree, state: MomentumState, params: PyTree | None = None
    ) -> tuple[PyTree, MomentumState]:
        del params
        grads = widened(updates)
        velocity = accelerate(grads, state.velocity, decay)
        ahead = accelerate(grads, velocity, decay)
        return cast_like(ahead, updates), MomentumState(velocity)

    return optax.with_extra_args_support(optax.GradientTransformation(init, update))


def nesterov(
    learning_rate: optax.ScalarOrSchedule, decay: Scalar = 0.9
) -> optax.GradientTransformationExtraArgs:
    """Accelerated descent, `v_t = γ v_{t−1} + g_t`, `θ_t = θ_{t−1} − η_t (g_t + γ v_t)`."""
    return descent(scale_by_nesterov(decay), learning_rate=learning_rate)
