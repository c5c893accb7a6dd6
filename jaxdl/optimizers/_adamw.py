"""AdamW: Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2)."""

from collections.abc import Callable

import optax

from jaxdl.optimizers._adam import scale_by_adam
from jaxdl.optimizers._averages import Scalar
from jaxdl.optimizers._sgd import descent
from jaxdl.optimizers._weight_decay import add_weight_decay
from jaxdl.types import PyTree


def adamw(
    learning_rate: optax.ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    weight_decay: Scalar = 1e-2,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> optax.GradientTransformationExtraArgs:
    """AdamW, `θ_t = θ_{t−1} − η_t (m̂_t / (√v̂_t + ε) + λ θ_{t−1})`.

    weight_decay: λ, multiplied by the rate as in torch.optim and optax (the paper's own λ is this
    one times its α); mask: which leaves decay, as in `add_weight_decay`. Decoupled decay shrinks
    all weights alike. L2 regularization does not, since Adam divides its gradient too; it is
    `optax.chain(add_weight_decay(λ), adam(η))`.
    """
    return descent(
        scale_by_adam(b1, b2, eps, eps_root),
        add_weight_decay(weight_decay, mask),
        learning_rate=learning_rate,
    )
