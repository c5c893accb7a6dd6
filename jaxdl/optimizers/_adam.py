"""Adam (Kingma & Ba 2015, algorithm 1)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers._averages import (
    Scalar,
    accumulators,
    corrected_ema,
    decay_rate,
    map_present,
    precise,
    widened,
)
from jaxdl.optimizers._sgd import descent
from jaxdl.types import Array, PyTree


class AdamState(NamedTuple):
    """step: t, int32 []; mu: m̂ and nu: v̂, shaped like the parameters, at least float32.

    Both are carried bias-corrected, where the paper and optax carry m and v.
    """

    step: Array
    mu: PyTree
    nu: PyTree


def scale_by_adam(
    b1: Scalar = 0.9, b2: Scalar = 0.999, eps: Scalar = 1e-8, eps_root: Scalar = 0.0
) -> optax.GradientTransformationExtraArgs:
    """Replace the gradient by `m̂_t / (√(v̂_t + eps_root) + eps)`.

    `m_t = β₁ m_{t−1} + (1 − β₁) g_t`, `v_t = β₂ v_{t−1} + (1 − β₂) g_t²`, zero at the start,
    `m̂_t = m_t / (1 − β₁^t)`, `v̂_t = v_t / (1 − β₂^t)`. `eps` is outside the root, as in the paper,
    torch.optim and optax; `eps_root` is inside it. A β of 1, or one that float32 rounds to it,
    gives the limit: the plain mean over all steps. Averages over more than some 10⁶ steps are
    beyond what float32 state can follow.
    Raises TypeError for hyperparameters in bfloat16 or float16, ValueError for a β outside [0, 1].
    """
    b1, b2 = decay_rate("b1", b1), decay_rate("b2", b2)
    eps, eps_root = precise("eps", eps), precise("eps_root", eps_root)

    def init(params: PyTree) -> AdamState:
        return AdamState(jnp.zeros([], jnp.int32), accumulators(params), accumulators(params))

    def update(
        updates: PyTree, state: AdamState, params: PyTree | None = None
    ) -> tuple[PyTree, AdamState]:
        del params
        grads = widened(updates)
        step = optax.safe_increment(state.step)
        mu = corrected_ema(grads, state.mu, b1, step)
        nu = corrected_ema(jax.tree.map(jnp.square, grads), state.nu, b2, step)

        def direction(raw: Array, m: Array, v: Array) -> Array:
            inside, outside = jnp.asarray(eps_root, v.dtype), jnp.asarray(eps, v.dtype)
            return (m / (jnp.sqrt(v + inside) + outside)).astype(raw.dtype)

        return map_present(direction, updates, mu, nu), AdamState(step, mu, nu)

    return optax.with_extra_args_support(optax.GradientTransformation(init, update))


def adam(
    learning_rate: optax.ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
) -> optax.GradientTransformationExtraArgs:
    """Adam, `θ_t = θ_{t−1} − η_t m̂_t / (√v̂_t + ε)`; `scale_by_adam` defines m̂ and v̂."""
    return descent(scale_by_adam(b1, b2, eps, eps_root), learning_rate=learning_rate)
