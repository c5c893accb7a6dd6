"""Adam (Kingma & Ba 2015, algorithm 1)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers.averages import Scalar, accumulators, ema, weight_sum, widened
from jaxdl.optimizers.sgd import sgd
from jaxdl.types import Array, PyTree


class AdamState(NamedTuple):
    """step: t, int32 []; mu: m and nu: v, shaped like the parameters, at least float32."""

    step: Array
    mu: PyTree
    nu: PyTree


def scale_by_adam(
    b1: Scalar = 0.9, b2: Scalar = 0.999, eps: Scalar = 1e-8, eps_root: Scalar = 0.0
) -> optax.GradientTransformation:
    """Replace the gradient by `m̂_t / (√(v̂_t + eps_root) + eps)`.

    `m_t = β₁ m_{t−1} + (1 − β₁) g_t`, `v_t = β₂ v_{t−1} + (1 − β₂) g_t²`, zero at the start,
    `m̂_t = m_t / (1 − β₁^t)`, `v̂_t = v_t / (1 − β₂^t)`. `eps` is outside the root, as in the paper,
    torch.optim and optax; `eps_root` is inside it.
    """

    def init(params: PyTree) -> AdamState:
        return AdamState(jnp.zeros([], jnp.int32), accumulators(params), accumulators(params))

    def update(
        updates: PyTree, state: AdamState, params: PyTree | None = None
    ) -> tuple[PyTree, AdamState]:
        del params
        grads = widened(updates)
        step = optax.safe_increment(state.step)
        mu = ema(grads, state.mu, b1)
        nu = ema(jax.tree.map(jnp.square, grads), state.nu, b2)
        c1, c2 = weight_sum(b1, step), weight_sum(b2, step)
        # Both corrections as scalars: multiplied by √(1 − β₂^t), the quotient needs one division.
        root = jnp.sqrt(c2)
        scale, inside, outside = root / c1, eps_root * c2, eps * root

        def direction(m: Array, v: Array, raw: Array) -> Array:
            divisor = jnp.sqrt(v + inside.astype(v.dtype)) + outside.astype(v.dtype)
            return (scale.astype(m.dtype) * m / divisor).astype(raw.dtype)

        return jax.tree.map(direction, mu, nu, updates), AdamState(step, mu, nu)

    return optax.GradientTransformation(init, update)


def adam(
    learning_rate: optax.ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
) -> optax.GradientTransformation:
    """Adam, `θ_t = θ_{t−1} − η_t m̂_t / (√v̂_t + ε)`; `scale_by_adam` defines m̂ and v̂."""
    return optax.chain(scale_by_adam(b1, b2, eps, eps_root), sgd(learning_rate))
