"""Optimizers: optax gradient transformations whose numbers may be traced, one algorithm a file.

State is float32 at least, whatever the gradients; updates come back in the dtype of the gradients,
rounded once. Every transformation takes and ignores the extra arguments of others (`value`, `grad`,
...). Where the gradient is None the update is None and the state stays as it was.
"""

from collections.abc import Callable

import optax

from jaxdl.optimizers import schedules
from jaxdl.optimizers._adagrad import AdagradState, adagrad, scale_by_adagrad
from jaxdl.optimizers._adahessian import adahessian, hessian_diagonal, scale_by_adahessian
from jaxdl.optimizers._adam import adam, scale_by_adam
from jaxdl.optimizers._adamw import adamw
from jaxdl.optimizers._averages import Scalar, accumulators, corrected_ema, ema
from jaxdl.optimizers._by_path import (
    Frozen,
    by_depth,
    freeze,
    partition_by_path,
    scale_by_path,
    unfreeze_gradually,
)
from jaxdl.optimizers._clipping import (
    adaptive_clip,
    clip_by_global_norm,
    clip_by_layer_norm,
    clip_by_value,
    global_norm,
)
from jaxdl.optimizers._gauss_newton import gauss_newton, scale_by_gauss_newton
from jaxdl.optimizers._loss_scale import LossScale, loss_scales, with_loss_scale
from jaxdl.optimizers._momentum import (
    momentum,
    momentum_averaged,
    scale_by_averaged_momentum,
    scale_by_momentum,
)
from jaxdl.optimizers._nesterov import nesterov, scale_by_nesterov
from jaxdl.optimizers._newton import newton, scale_by_newton
from jaxdl.optimizers._proximal import proximal
from jaxdl.optimizers._rmsprop import (
    RmspropState,
    rmsprop,
    rmsprop_centered,
    rmsprop_momentum,
    scale_by_centered_rmsprop,
    scale_by_rmsprop,
)
from jaxdl.optimizers._sgd import sgd
from jaxdl.optimizers._weight_average import (
    WeightAverageState,
    average_params,
    ema_of_weights,
    mean_of_weights,
)
from jaxdl.optimizers._weight_decay import add_weight_decay

OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformationExtraArgs]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
    "momentum_averaged": momentum_averaged,
    "rmsprop_centered": rmsprop_centered,
    "rmsprop_momentum": rmsprop_momentum,
}
"""Factories by name: `OPTIMIZERS[name](learning_rate, ...)`; the rest has defaults."""
SECOND_ORDER: dict[str, Callable[..., optax.GradientTransformationExtraArgs]] = {
    "newton": newton,
    "gauss_newton": gauss_newton,
    "adahessian": adahessian,
}
"""As `OPTIMIZERS`; their updates need `params` and functions of them, as each says.

`optax.lbfgs`, which needs `value`, `grad` and `value_fn`, stands beside them.
"""

__all__ = [
    "OPTIMIZERS",
    "SECOND_ORDER",
    "AdagradState",
    "Frozen",
    "LossScale",
    "RmspropState",
    "Scalar",
    "WeightAverageState",
    "accumulators",
    "adagrad",
    "adahessian",
    "adam",
    "adamw",
    "adaptive_clip",
    "add_weight_decay",
    "average_params",
    "by_depth",
    "clip_by_global_norm",
    "clip_by_layer_norm",
    "clip_by_value",
    "corrected_ema",
    "ema",
    "ema_of_weights",
    "freeze",
    "gauss_newton",
    "global_norm",
    "hessian_diagonal",
    "loss_scales",
    "mean_of_weights",
    "momentum",
    "momentum_averaged",
    "nesterov",
    "newton",
    "partition_by_path",
    "proximal",
    "rmsprop",
    "rmsprop_centered",
    "rmsprop_momentum",
    "scale_by_adagrad",
    "scale_by_adahessian",
    "scale_by_adam",
    "scale_by_averaged_momentum",
    "scale_by_centered_rmsprop",
    "scale_by_gauss_newton",
    "scale_by_momentum",
    "scale_by_nesterov",
    "scale_by_newton",
    "scale_by_path",
    "scale_by_rmsprop",
    "schedules",
    "sgd",
    "unfreeze_gradually",
    "with_loss_scale",
]
