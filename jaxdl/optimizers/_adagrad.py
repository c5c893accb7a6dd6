"""Adagrad, diagonal form (Duchi, Hazan & Singer 2011)."""

from typing import NamedTuple

import jax.numpy as jnp
import optax

from jaxdl.optimizers._averages import (
    Scalar,
    accumulators,
    cast_like,
    map_present,
    map_state,
    precise,
    widened,
)
from jaxdl.optimizers._sgd import descent
from jaxdl.types import Array, PyTree


class AdagradState(NamedTuple):
    """sum_of_squares: G, shaped like the parameters, at least float32."""

    sum_of_squares: PyTree


def scale_by_adagrad(
    eps: Scalar = 1e-10, eps_root: Scalar = 0.0, initial: Scalar = 0.0
) -> optax.GradientTransformationExtraArgs:
    """Divide the gradient by the root of the sum of all squares so far.

    `G_t = G_{t−1} + g_t²`, then `g_t / (√(G_t + eps_root) + eps)`; initial: G_0 ≥ 0.
    `eps` is outside the root, as in the paper (its δ) and torch.optim; `eps_root` is inside, as
    in optax. One of eps, eps_root and initial must be positive, or a zero gradient gives NaN.
    Raises TypeError for an eps in bfloat16 or float16.
    """
    eps, eps_root = precise("eps", eps), precise("eps_root", eps_root)

    def init(params: PyTree) -> AdagradState:
        return AdagradState(sum_of_squares=accumulators(params, initial))

    def update(
        updates: PyTree, state: AdagradState, params: PyTree | None = None
    ) -> tuple[PyTree, AdagradState]:
        del params
        grads = widened(updates)
        total = map_state(lambda g, s: s + g * g, grads, state.sum_of_squares)

        def direction(g: Array, s: Array) -> Array:
            inside, outside = jnp.asarray(eps_root, s.dtype), jnp.asarray(eps, s.dtype)
            return g / (jnp.sqrt(s + inside) + outside)

        directions = map_present(direction, grads, total)
        return cast_like(directions, updates), AdagradState(total)

    return optax.with_extra_args_support(optax.GradientTransformation(init, update))


def adagrad(
    learning_rate: optax.ScalarOrSchedule,
    eps: Scalar = 1e-10,
    eps_root: Scalar = 0.0,
    initial: Scalar = 0.0,
) -> optax.GradientTransformationExtraArgs:
    """Adagrad, `θ_t = θ_{t−1} − η_t g_t / (√G_t + ε)` with `G_t = Σ_{τ≤t} g_τ²`.

    The effective rate η / √G only falls: it suits sparse gradients and starves long runs.
    """
    return descent(scale_by_adagrad(eps, eps_root, initial), learning_rate=learning_rate)
