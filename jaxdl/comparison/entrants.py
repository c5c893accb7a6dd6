"""Optimizers with the hyperparameters that are searched for each.

Momentum and the decay of averages are searched as 1 − β on a logarithmic scale, as in AlgoPerf
(Dahl et al. 2023, https://arxiv.org/abs/2306.07179): 0.9, 0.99 and 0.999 are equally far apart.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl import optimizers, train
from jaxdl.initializers import Initializer
from jaxdl.optimizers import Scalar
from jaxdl.optimizers.schedules import Shape
from jaxdl.sweep.distributions import Distribution, LogUniform, Value
from jaxdl.types import Array, PyTree

Make = Callable[..., optax.GradientTransformation]
"""`(learning_rate, **others) -> transformation`"""
Kind = Literal["optimizer", "schedule", "initializer", "loss"]
"""What of a training a candidate is."""

RATES = LogUniform(1e-5, 1e2)
"""Learning rates that are searched where nothing else is said."""
MOMENTUM, AVERAGE = LogUniform(1e-3, 1.0), LogUniform(1e-4, 0.5)
"""1 − β of momentum, and of averages of squares."""


class Entrant(NamedTuple):
    """An optimizer that is compared, with what else of the training is not the workload's own.

    make: `(learning_rate, **others) -> optax.GradientTransformation`; the rate may be a schedule,
        and all numbers traced.
    space: what is searched; `learning_rate` is one of it.
    defaults: values where nothing is searched, of what is not in the space too.
    eval_params: as in `sweep.make_run`, for what is evaluated elsewhere than it steps.
    shape: of the schedule, `steps -> shape`. kernel_init: the initializer of the weights. loss:
        `(outputs, labels) -> [B]` that is minimized. None: the study's, and the workload's own.
    """

    make: Make
    space: Mapping[str, Distribution] = {"learning_rate": RATES}
    defaults: Mapping[str, float] = {"learning_rate": 1e-3}
    eval_params: train.EvalParams | None = None
    shape: Callable[[int], Shape] | None = None
    kernel_init: Initializer | None = None
    loss: Callable[[Array, Array], Array] | None = None

    @property
    def kind(self) -> Kind:
        """What makes it differ from the optimizer alone."""
        if self.kernel_init is not None:
            return "initializer"
        if self.loss is not None:
            return "loss"
        return "optimizer" if self.shape is None else "schedule"

    def point(self) -> dict[str, Value]:
        """Every hyperparameter at its default, or else in the middle of what is searched."""
        middle = {name: values.from_unit(0.5) for name, values in self.space.items()}
        return {**middle, **self.defaults}


def _with_betas(make: Make) -> Make:
    """`make` with 1 − β₁ and 1 − β₂ for b1 and b2."""

    def made(
        learning_rate: optax.ScalarOrSchedule,
        one_minus_b1: Scalar = 0.1,
        one_minus_b2: Scalar = 1e-3,
        **others: Scalar,
    ) -> optax.GradientTransformation:
        return make(learning_rate, b1=1 - one_minus_b1, b2=1 - one_minus_b2, **others)

    return made


def _with_decay(make: Make) -> Make:
    """`make` with 1 − decay for decay."""

    def made(
        learning_rate: optax.ScalarOrSchedule, one_minus_decay: Scalar = 0.1
    ) -> optax.GradientTransformation:
        return make(learning_rate, decay=1 - one_minus_decay)

    return made


def _sophia(learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformationExtraArgs:
    """optax's, with `optimizers.hessian_diagonal` for its own estimate, which asks for `obj_fn` and
    passes through no layer that knows reverse mode alone."""

    def update(
        updates: PyTree,
        step: Array,
        params: PyTree,
        *,
        value_fn: Callable[[PyTree], Array],
        **others: object,
    ) -> tuple[PyTree, Array]:
        del updates, others
        key = jax.random.fold_in(jax.random.key(0), step)
        return optimizers.hessian_diagonal(value_fn, params, key), step + 1

    estimate = optax.GradientTransformationExtraArgs(lambda _: jnp.zeros([], jnp.int32), update)
    return optax.contrib.sophia(learning_rate, hessian_diagonal_fn=estimate)


_RATE: dict[str, Distribution] = {"learning_rate": RATES}
_HEAVY = {**_RATE, "one_minus_decay": MOMENTUM}
_ADAM = {**_RATE, "one_minus_b1": MOMENTUM, "one_minus_b2": AVERAGE}
_DECAYED = {**_ADAM, "weight_decay": LogUniform(1e-5, 1.0)}
_DAMPED = {"learning_rate": LogUniform(1e-2, 1.0), "damping": LogUniform(1e-4, 1e2)}
_SGD_RATE = {"learning_rate": 1e-2}

ENTRANTS: dict[str, Entrant] = {
    "sgd": Entrant(optimizers.sgd, _RATE, _SGD_RATE),
    "momentum": Entrant(_with_decay(optimizers.momentum), _HEAVY, _SGD_RATE),
    "momentum_averaged": Entrant(_with_decay(optimizers.momentum_averaged), _HEAVY, _SGD_RATE),
    "nesterov": Entrant(_with_decay(optimizers.nesterov), _HEAVY, _SGD_RATE),
    "adagrad": Entrant(optimizers.adagrad, _RATE, _SGD_RATE),
    "rmsprop": Entrant(_with_decay(optimizers.rmsprop), _HEAVY),
    "rmsprop_centered": Entrant(_with_decay(optimizers.rmsprop_centered), _HEAVY),
    "rmsprop_momentum": Entrant(_with_decay(optimizers.rmsprop_momentum), _HEAVY),
    "adam": Entrant(_with_betas(optimizers.adam), _ADAM),
    "adamw": Entrant(_with_betas(optimizers.adamw), _DECAYED),
    "nadam": Entrant(_with_betas(optax.nadam), _ADAM),
    "amsgrad": Entrant(_with_betas(optax.amsgrad), _ADAM),
    "adafactor": Entrant(optax.adafactor, _RATE, {"learning_rate": 1e-2}),
    "lion": Entrant(optax.lion, _RATE, {"learning_rate": 1e-4}),
    "muon": Entrant(optax.contrib.muon, _RATE, {"learning_rate": 2e-2}),
    "ademamix": Entrant(optax.contrib.ademamix, _RATE),
    "adopt": Entrant(optax.contrib.adopt, _RATE),
    "prodigy": Entrant(optax.contrib.prodigy, _RATE, {"learning_rate": 1.0}),
    "schedule_free": Entrant(
        optax.contrib.schedule_free_adamw,
        _RATE,
        eval_params=optax.contrib.schedule_free_eval_params,
    ),
    "sophia": Entrant(_sophia, _RATE),
    "newton": Entrant(optimizers.newton, _DAMPED, {"learning_rate": 1.0, "damping": 1.0}),
    "gauss_newton": Entrant(
        optimizers.gauss_newton, _DAMPED, {"learning_rate": 1.0, "damping": 1.0}
    ),
    "adahessian": Entrant(_with_betas(optimizers.adahessian), _ADAM, {"learning_rate": 0.15}),
    "lbfgs": Entrant(optax.lbfgs, _RATE, {"learning_rate": 1.0}),
}
"""Own and optax's, by name. Defaults are those of the papers where these name one.

A step of the last five costs more than a gradient: of Newton up to 100 Hessian-vector products, of
Gauss–Newton as many with JᵀHJ, of AdaHessian one, of Sophia one in ten steps, of L-BFGS what its
line search evaluates. Gauss–Newton raises where a task has no `types.LossOfOutputs`.
"""
