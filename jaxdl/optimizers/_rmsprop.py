"""RMSProp (Tieleman & Hinton 2012, lecture 6e), and centered (Graves 2013, eq. 38–45)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers._averages import (
    Scalar,
    accumulators,
    cast_like,
    decay_rate,
    ema,
    map_present,
    map_state,
    precise,
    widened,
)
from jaxdl.optimizers._momentum import scale_by_momentum
from jaxdl.optimizers._sgd import descent
from jaxdl.types import Array, PyTree


class RmspropState(NamedTuple):
    """mean_of_squares: n, shaped like the parameters, at least float32."""

    mean_of_squares: PyTree


class CenteredRmspropState(NamedTuple):
    """mean: g̅, variance: n − g̅²; both shaped like the parameters, at least float32."""

    mean: PyTree
    variance: PyTree


def _divide(grads: PyTree, power: PyTree, eps: Scalar, eps_root: Scalar) -> PyTree:
    def leaf(g: Array, n: Array) -> Array:
        inside, outside = jnp.asarray(eps_root, n.dtype), jnp.asarray(eps, n.dtype)
        return g / (jnp.sqrt(n + inside) + outside)

    return map_present(leaf, grads, power)


def _checked(decay: Scalar, eps: Scalar, eps_root: Scalar) -> tuple[Scalar, Scalar, Scalar]:
    return decay_rate("decay", decay), precise("eps", eps), precise("eps_root", eps_root)


def scale_by_rmsprop(
    decay: Scalar = 0.9, eps: Scalar = 1e-8, eps_root: Scalar = 0.0
) -> optax.GradientTransformationExtraArgs:
    """Divide the gradient by the root of the running mean of its square.

    `n_t = ρ n_{t−1} + (1 − ρ) g_t²`, n_0 = 0, then `g_t / (√(n_t + eps_root) + eps)`; decay: ρ.
    `eps` is outside the root, as in torch.optim; `eps_root` inside, as in optax's default.
    """
    decay, eps, eps_root = _checked(decay, eps, eps_root)

    def init(params: PyTree) -> RmspropState:
        return RmspropState(mean_of_squares=accumulators(params))

    def update(
        updates: PyTree, state: RmspropState, params: PyTree | None = None
    ) -> tuple[PyTree, RmspropState]:
        del params
        grads = widened(updates)
        n = ema(jax.tree.map(jnp.square, grads), state.mean_of_squares, decay)
        return cast_like(_divide(grads, n, eps, eps_root), updates), RmspropState(n)

    return optax.with_extra_args_support(optax.GradientTransformation(init, update))


def scale_by_centered_rmsprop(
    decay: Scalar = 0.9, eps: Scalar = 1e-8, eps_root: Scalar = 0.0
) -> optax.GradientTransformationExtraArgs:
    """Divide the gradient by its running standard deviation.

    `n_t = ρ n_{t−1} + (1 − ρ) g_t²`, `g̅_t = ρ g̅_{t−1} + (1 − ρ) g_t`, both 0 at the start, then
    `g_t / (√(n_t − g̅_t² + eps_root) + eps)`; decay: ρ. Where the gradient hardly varies the
    divisor is close to `eps`: the paper takes ρ = 0.95 and 1e-4 inside the root. The variance is
    carried as `s_t = ρ (s_{t−1} + (1 − ρ) (g_t − g̅_{t−1})²)`, equal to n_t − g̅_t² without its
    cancellation.
    """
    decay, eps, eps_root = _checked(decay, eps, eps_root)

    def init(params: PyTree) -> CenteredRmspropState:
        return CenteredRmspropState(accumulators(params), accumulators(params))

    def update(
        updates: PyTree, state: CenteredRmspropState, params: PyTree | None = None
    ) -> tuple[PyTree, CenteredRmspropState]:
        del params
        grads = widened(updates)
        mean = ema(grads, state.mean, decay)
        keep = jnp.asarray(decay)
        # By the new mean, g_t − g̅_t = ρ (g_t − g̅_{t−1}): then nothing needs a copy of the old one.
        weight = jnp.where(keep > 0, (1 - keep) / jnp.where(keep > 0, keep, 1), 0)

        def spread(g: Array, s: Array, m: Array) -> Array:
            return keep.astype(s.dtype) * s + weight.astype(s.dtype) * jnp.square(g - m)

        variance = map_state(spread, grads, state.variance, mean)
        directions = _divide(grads, variance, eps, eps_root)
        return cast_like(directions, updates), CenteredRmspropState(mean, variance)

    return optax.with_extra_args_support(optax.GradientTransformation(init, update))


def rmsprop(
    learning_rate: optax.ScalarOrSchedule,
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
) -> optax.GradientTransformationExtraArgs:
    """RMSProp, `θ_t = θ_{t−1} − η_t g_t / (√n_t + ε)`; `scale_by_rmsprop` defines n."""
    return descent(scale_by_rmsprop(decay, eps, eps_root), learning_rate=learning_rate)


def rmsprop_centered(
    learning_rate: optax.ScalarOrSchedule,
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
) -> optax.GradientTransformationExtraArgs:
    """Centered RMSProp, `θ_t = θ_{t−1} − η_t g_t / (√(n_t − g̅_t²) + ε)`."""
    return descent(scale_by_centered_rmsprop(decay, eps, eps_root), learning_rate=learning_rate)


def rmsprop_momentum(
    learning_rate: optax.ScalarOrSchedule,
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    momentum: Scalar = 0.9,
) -> optax.GradientTransformationExtraArgs:
    """RMSProp under a heavy ball, `v_t = γ v_{t−1} + g_t / (√n_t + ε)`, `θ_t = θ_{t−1} − η_t v_t`.

    momentum: γ. The rate is outside the velocity, as in torch.optim; optax puts it inside, which
    differs under a schedule. Graves's optimizer is the same chain with the centered scaling:
    `optax.chain(scale_by_centered_rmsprop(...), scale_by_momentum(...), sgd(...))`.
    """
    return descent(
        scale_by_rmsprop(decay, eps, eps_root),
        scale_by_momentum(momentum),
        learning_rate=learning_rate,
    )
