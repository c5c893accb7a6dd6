"""Momentum: the heavy ball (Polyak 1964) and its averaged form (Sutskever et al. 2013, §2)."""

from typing import NamedTuple

import jax.numpy as jnp
import optax

from jaxdl.optimizers._averages import (
    Scalar,
    accumulators,
    cast_like,
    decay_rate,
    ema,
    map_state,
    widened,
)
from jaxdl.optimizers._sgd import descent
from jaxdl.types import Array, PyTree


class MomentumState(NamedTuple):
    """velocity: v, shaped like the parameters, at least float32."""

    velocity: PyTree


def accelerate(grads: PyTree, velocity: PyTree, decay: Scalar) -> PyTree:
    """One step of the velocity, `γv + g`, leaf by leaf, in the dtypes of `velocity`."""

    def leaf(g: Array, v: Array) -> Array:
        return jnp.asarray(decay, v.dtype) * v + g

    return map_state(leaf, grads, velocity)


def scale_by_momentum(decay: Scalar = 0.9) -> optax.GradientTransformationExtraArgs:
    """Replace the gradient by the velocity, `v_t = γ v_{t−1} + g_t`, v_0 = 0; decay: γ."""
    decay = decay_rate("decay", decay)

    def init(params: PyTree) -> MomentumState:
        return MomentumState(velocity=accumulators(params))

    def update(
        updates: PyTree, state: MomentumState, params: PyTree | None = None
    ) -> tuple[PyTree, MomentumState]:
        del params
        velocity = accelerate(widened(updates), state.velocity, decay)
        return cast_like(velocity, updates), MomentumState(velocity)

    return optax.with_extra_args_support(optax.GradientTransformation(init, update))


def scale_by_averaged_momentum(decay: Scalar = 0.9) -> optax.GradientTransformationExtraArgs:
    """Replace the gradient by its average, `v_t = β v_{t−1} + (1 − β) g_t`, v_0 = 0; decay: β.

    Not bias-corrected: the first steps are short.
    """
    decay = decay_rate("decay", decay)

    def init(params: PyTree) -> MomentumState:
        return MomentumState(velocity=accumulators(params))

    def update(
        updates: PyTree, state: MomentumState, params: PyTree | None = None
    ) -> tuple[PyTree, MomentumState]:
        del params
        velocity = ema(updates, state.velocity, decay)
        return cast_like(velocity, updates), MomentumState(velocity)

    return optax.with_extra_args_support(optax.GradientTransformation(init, update))


def momentum(
    learning_rate: optax.ScalarOrSchedule, decay: Scalar = 0.9
) -> optax.GradientTransformationExtraArgs:
    """Heavy-ball descent, `v_t = γ v_{t−1} + g_t`, `θ_t = θ_{t−1} − η_t v_t`.

    The rate η stands once, outside the velocity (as in torch.optim and optax). On a constant
    gradient the step grows to η / (1 − γ) times it.
    """
    return descent(scale_by_momentum(decay), learning_rate=learning_rate)


def momentum_averaged(
    learning_rate: optax.ScalarOrSchedule, decay: Scalar = 0.9
) -> optax.GradientTransformationExtraArgs:
    """Averaged descent, `v_t = β v_{t−1} + (1 − β) g_t`, `θ_t = θ_{t−1} − η_t v_t`.

    At a rate of η it walks as `momentum` does at (1 − β) η with γ = β.
    """
    return descent(scale_by_averaged_momentum(decay), learning_rate=learning_rate)
