"""Gauss–Newton by conjugate gradients, generalized to any convex loss (Schraudolph 2002)."""

from collections.abc import Callable
from typing import Any

import optax

from jaxdl.optimizers._averages import Scalar, precise
from jaxdl.optimizers._curvature import ValueFn, gauss_newton_matrix, given, on_present, solved
from jaxdl.optimizers._sgd import descent
from jaxdl.types import PyTree, ValueOfOutputs


def scale_by_gauss_newton(
    damping: Scalar = 0.0, iterations: int = 100, tol: float = 1e-5
) -> optax.GradientTransformationExtraArgs:
    """Replace the gradient by `(JᵀHJ + λI)⁻¹ g`, which goes down wherever the loss is convex.

    J: the Jacobian of `outputs_fn: params -> outputs`; H: the Hessian of `loss_fn: outputs -> []`
    at the outputs. `½Σr²` of residuals r makes H the identity; λ is Levenberg's then.
    `update` takes both as further arguments, or as the `value_fn` that `train.step` makes of a
    `types.LossOfOutputs`: supervised tasks, reconstruction and language models have one. ValueError
    without. Other losses do not say what their outputs are: `tx._replace(update=functools.partial(
    tx.update, outputs_fn=..., loss_fn=...))` does, for a batch that is at hand.
    Others as in `scale_by_newton`; an iteration takes two products with J.
    """
    damping = precise("damping", damping)

    def update(
        updates: PyTree,
        state: optax.EmptyState,
        params: PyTree | None = None,
        *,
        outputs_fn: Callable[[PyTree], PyTree] | None = None,
        loss_fn: ValueFn | None = None,
        value_fn: ValueFn | None = None,
        **extra: Any,
    ) -> tuple[PyTree, optax.EmptyState]:
        del extra
        if outputs_fn is None and loss_fn is None and isinstance(value_fn, ValueOfOutputs):
            outputs_fn, loss_fn = value_fn.outputs_fn, value_fn.loss_fn
        if outputs_fn is None or loss_fn is None:
            raise ValueError(
                "gauss_newton: its update needs outputs_fn and loss_fn, which were not given: a "
                "task has them whose loss is a types.LossOfOutputs"
            )
        params = given("gauss_newton", "params", params)
        of_present, point = on_present(outputs_fn, updates, params)
        product = gauss_newton_matrix(of_present, loss_fn, point)
        return solved(product, updates, damping, iterations, tol), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)


def gauss_newton(
    learning_rate: optax.ScalarOrSchedule,
    damping: Scalar = 0.0,
    iterations: int = 100,
    tol: float = 1e-5,
) -> optax.GradientTransformationExtraArgs:
    """Gauss–Newton, `θ_t = θ_{t−1} − η_t (JᵀHJ + λI)⁻¹ g_t`; see `scale_by_gauss_newton`."""
    return descent(scale_by_gauss_newton(damping, iterations, tol), learning_rate=learning_rate)
