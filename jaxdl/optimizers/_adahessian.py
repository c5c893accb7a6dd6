"""AdaHessian (Yao et al. 2021): Adam, divided by the Hessian's diagonal as Hutchinson estimates it.

https://arxiv.org/abs/2006.00719, without its averaging over blocks of a kernel. `optax.contrib`
has the other user of the estimate, `sophia`, whose update takes `obj_fn` for `value_fn`.
"""

from typing import Any, NamedTuple

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
from jaxdl.optimizers._curvature import ValueFn, given, hessian, on_present
from jaxdl.optimizers._sgd import descent
from jaxdl.types import Array, PyTree


class AdaHessianState(NamedTuple):
    """step: t, int32 []; mu: m̂ and nu: v̂, shaped like the parameters, at least float32."""

    step: Array
    mu: PyTree
    nu: PyTree


def hessian_diagonal(value_fn: ValueFn, params: PyTree, key: Array, samples: int = 1) -> PyTree:
    """The diagonal of the Hessian, estimated: the mean of `z ⊙ Hz` over random signs z.

    Unbiased, and exact where the Hessian is diagonal (Bekas, Kokiopoulou & Saad 2007, section 2).
    Each sample costs one Hessian-vector product. The result is shaped as `params`, which are
    float32 at least.
    """
    product = hessian(value_fn, params)

    def one(key: Array) -> PyTree:
        signs = optax.tree.random_like(key, params, jax.random.rademacher)
        return jax.tree.map(jnp.multiply, signs, product(signs))

    if samples == 1:
        return one(key)
    drawn = jax.lax.map(one, jax.random.split(key, samples))
    return jax.tree.map(lambda leaf: leaf.mean(axis=0), drawn)


def scale_by_adahessian(
    b1: Scalar = 0.9, b2: Scalar = 0.999, eps: Scalar = 1e-8, seed: int | Array = 0
) -> optax.GradientTransformationExtraArgs:
    """Replace the gradient by `m̂_t / (√v̂_t + eps)`, v̂ the average of d², d the Hessian's diagonal.

    As `scale_by_adam` otherwise. d_t is drawn once a step, from `seed` and t: trials that share a
    seed share their signs. `update` takes `params` and `value_fn`, as `train.step` hands it;
    ValueError without.
    """
    b1, b2, eps = decay_rate("b1", b1), decay_rate("b2", b2), precise("eps", eps)

    def init(params: PyTree) -> AdaHessianState:
        return AdaHessianState(jnp.zeros([], jnp.int32), accumulators(params), accumulators(params))

    def update(
        updates: PyTree,
        state: AdaHessianState,
        params: PyTree | None = None,
        *,
        value_fn: ValueFn | None = None,
        **extra: Any,
    ) -> tuple[PyTree, AdaHessianState]:
        del extra
        value_fn = given("adahessian", "value_fn", value_fn)
        params = given("adahessian", "params", params)
        step = optax.safe_increment(state.step)
        of_present, point = on_present(value_fn, updates, params)
        key = jax.random.fold_in(jax.random.key(seed), step)
        squares = jax.tree.map(jnp.square, hessian_diagonal(of_present, point, key))
        mu = corrected_ema(widened(updates), state.mu, b1, step)
        nu = corrected_ema(squares, state.nu, b2, step)

        def direction(raw: Array, m: Array, v: Array) -> Array:
            return (m / (jnp.sqrt(v) + jnp.asarray(eps, v.dtype))).astype(raw.dtype)

        return map_present(direction, updates, mu, nu), AdaHessianState(step, mu, nu)

    return optax.GradientTransformationExtraArgs(init, update)


def adahessian(
    learning_rate: optax.ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    seed: int | Array = 0,
) -> optax.GradientTransformationExtraArgs:
    """AdaHessian, `θ_t = θ_{t−1} − η_t m̂_t / (√v̂_t + ε)`; `scale_by_adahessian` defines v̂."""
    return descent(scale_by_adahessian(b1, b2, eps, seed), learning_rate=learning_rate)
