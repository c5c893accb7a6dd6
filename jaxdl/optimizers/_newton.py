"""Newton's method by conjugate gradients, damped or not (Nocedal & Wright 2006, section 7.1)."""

from typing import Any

import optax

from jaxdl.optimizers._averages import Scalar, precise
from jaxdl.optimizers._curvature import ValueFn, given, hessian, on_present, solved
from jaxdl.optimizers._sgd import descent
from jaxdl.types import PyTree


def scale_by_newton(
    damping: Scalar = 0.0, iterations: int = 100, tol: float = 1e-5
) -> optax.GradientTransformationExtraArgs:
    """Replace the gradient by `(H + λI)⁻¹ g`, H the Hessian of `value_fn` at the parameters.

    damping: λ; 0 is Newton's own step, which ends at any stationary point, saddles too. Above
    minus the lowest curvature, the step goes down. iterations: of conjugate gradients at most,
    each with one Hessian-vector product; tol: the residual at which they end, relative to ‖g‖.
    A direction without any curvature and damping has no step: the updates are NaN.
    `update` takes `params` and `value_fn`, as `train.step` hands it; ValueError without. Parameters
    whose gradient is None are held.
    """
    damping = precise("damping", damping)

    def update(
        updates: PyTree,
        state: optax.EmptyState,
        params: PyTree | None = None,
        *,
        value_fn: ValueFn | None = None,
        **extra: Any,
    ) -> tuple[PyTree, optax.EmptyState]:
        del extra
        value_fn = given("newton", "value_fn", value_fn)
        params = given("newton", "params", params)
        of_present, point = on_present(value_fn, updates, params)
        return solved(hessian(of_present, point), updates, damping, iterations, tol), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)


def newton(
    learning_rate: optax.ScalarOrSchedule,
    damping: Scalar = 0.0,
    iterations: int = 100,
    tol: float = 1e-5,
) -> optax.GradientTransformationExtraArgs:
    """Newton's method, `θ_t = θ_{t−1} − η_t (H_t + λI)⁻¹ g_t`; see `scale_by_newton`.

    Its own rate is 1.
    """
    return descent(scale_by_newton(damping, iterations, tol), learning_rate=learning_rate)
