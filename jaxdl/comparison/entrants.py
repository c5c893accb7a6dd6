"""Optimizers with the hyperparameters that are searched for each.

Momentum and the decay of averages are searched as 1 − β on a logarithmic scale, as in AlgoPerf
(Dahl et al. 2023, https://arxiv.org/abs/2306.07179): 0.9, 0.99 and 0.999 are equally far apart.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl import optimizers, train
from jaxdl.sweep.space import Distribution, LogUniform, Value
from jaxdl.types import Array, PyTree

RATES = LogUniform(1e-5, 1e2)
"""Learning rates that are searched where nothing else is said."""
MOMENTUM, AVERAGE = LogUniform(1e-3, 1.0), LogUniform(1e-4, 0.5)
"""1 − β of momentum, and of averages of squares."""
PROBE = {"matrix": jnp.ones((4, 3)), "vector": jnp.ones(3)}
"""Parameters on which an optimizer shows that it is one."""


class Entrant(NamedTuple):
    """An optimizer that is compared.

    make: `(learning_rate, **others) -> optax.GradientTransformation`; the rate may be a schedule,
        and all numbers traced.
    space: what is searched; `learning_rate` is one of it.
    defaults: values where nothing is searched, of what is not in the space too.
    eval_params: as in `sweep.make_run`, for what is evaluated elsewhere than it steps.
    """

    make: Callable[..., optax.GradientTransformation]
    space: Mapping[str, Distribution] = {"learning_rate": RATES}
    defaults: Mapping[str, float] = {"learning_rate": 1e-3}
    eval_params: train.EvalParams | None = None

    def point(self) -> dict[str, Value]:
        """Every hyperparameter at its default, or else in the middle of what is searched."""
        middle = {name: values.from_unit(0.5) for name, values in self.space.items()}
        return {**middle, **self.defaults}


def _with_betas(make: Callable[..., optax.GradientTransformation]) -> Callable[..., Any]:
    """`make` with 1 − β₁ and 1 − β₂ for b1 and b2."""

    def made(
        learning_rate: Any, one_minus_b1: Any = 0.1, one_minus_b2: Any = 1e-3, **others: Any
    ) -> optax.GradientTransformation:
        return make(learning_rate, b1=1 - one_minus_b1, b2=1 - one_minus_b2, **others)

    return made


def _with_decay(make: Callable[..., optax.GradientTransformation]) -> Callable[..., Any]:
    """`make` with 1 − decay for decay."""

    def made(learning_rate: Any, one_minus_decay: Any = 0.1) -> optax.GradientTransformation:
        return make(learning_rate, decay=1 - one_minus_decay)

    return made


_RATE: dict[str, Distribution] = {"learning_rate": RATES}
_HEAVY = {**_RATE, "one_minus_decay": MOMENTUM}
_ADAM = {**_RATE, "one_minus_b1": MOMENTUM, "one_minus_b2": AVERAGE}
_DECAYED = {**_ADAM, "weight_decay": LogUniform(1e-5, 1.0)}
_DAMPED = {"learning_rate": LogUniform(1e-2, 1.0), "damping": LogUniform(1e-4, 1e2)}
_SGD_RATE = {"learning_rate": 1e-2}

ENTRANTS: dict[str, Entrant] = {
    "sgd": Entrant(optimizers.sgd, _RATE, _SGD_RATE),
    "momentum": Entrant(_with_decay(optimizers.momentum), _HEAVY, _SGD_RATE),
    "nesterov": Entrant(_with_decay(optimizers.nesterov), _HEAVY, _SGD_RATE),
    "adagrad": Entrant(optimizers.adagrad, _RATE, _SGD_RATE),
    "rmsprop": Entrant(_with_decay(optimizers.rmsprop), _HEAVY),
    "adam": Entrant(_with_betas(optimizers.adam), _ADAM),
    "adamw": Entrant(_with_betas(optimizers.adamw), _DECAYED),
    "nadam": Entrant(_with_betas(optax.nadam), _ADAM),
    "amsgrad": Entrant(_with_betas(optax.amsgrad), _ADAM),
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
    "newton": Entrant(optimizers.newton, _DAMPED, {"learning_rate": 1.0, "damping": 1.0}),
    "adahessian": Entrant(_with_betas(optimizers.adahessian), _ADAM, {"learning_rate": 0.15}),
    "lbfgs": Entrant(optax.lbfgs, _RATE, {"learning_rate": 1.0}),
}
"""Own and optax's, by name. Defaults are those of the papers where these name one.

A step of the last three costs more than a gradient: of Newton up to 100 Hessian-vector products, of
AdaHessian one, of L-BFGS what its line search evaluates.
"""


def find(text: str) -> tuple[str, Entrant]:
    """An entrant by its name in `ENTRANTS`, or `module:attribute` of a file of the user's.

    The attribute is an `Entrant`, or a function `learning_rate -> optax.GradientTransformation`,
    which may carry a `space` and `defaults` of its own as attributes. Modules of the current folder
    are found. Raises ValueError, in one line.
    """
    if text in ENTRANTS:
        return text, ENTRANTS[text]
    module, colon, attribute = text.partition(":")
    if not colon:
        raise ValueError(
            f"{text!r} is no optimizer here: give module:function of yours, or one of "
            f"{', '.join(ENTRANTS)}"
        )
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"{text!r}: the module is not found: {error}") from error
    # Whatever a user's module raises, a mistake in its syntax too.
    except Exception as error:
        raise ValueError(f"{text!r}: {type(error).__name__}: {error}") from error
    if not hasattr(found, attribute):
        raise ValueError(f"{text!r}: {getattr(found, '__file__', module)} has no {attribute!r}")
    return attribute, entrant(getattr(found, attribute), attribute)


def entrant(candidate: Entrant | Callable[..., Any], name: str = "candidate") -> Entrant:
    """What was given, as an entrant that has shown on two small parameters that it works.

    Raises ValueError, in one line, for what is no optax transformation, raises, or changes shapes
    or dtypes.
    """
    if not isinstance(candidate, Entrant):
        if not callable(candidate):
            raise ValueError(f"{name}: give a function learning_rate -> optax transformation")
        space = getattr(candidate, "space", _RATE)
        defaults = getattr(candidate, "defaults", {"learning_rate": 1e-3})
        candidate = Entrant(candidate, space, defaults)
    _check(candidate, name)
    return candidate


def _check(entrant: Entrant, name: str) -> None:
    point = entrant.point()
    try:
        tx = entrant.make(**point)
    except Exception as error:
        raise ValueError(f"{name} cannot be made of {point}: {error}") from error
    if not isinstance(tx, optax.GradientTransformation):
        raise ValueError(
            f"{name} gives {type(tx).__name__}, not an optax.GradientTransformation (init, update)"
        )

    def bowl(params: PyTree) -> Array:
        return optax.tree.norm(params, squared=True) / 2

    def step(params: PyTree) -> PyTree:
        value, grad = jax.value_and_grad(bowl)(params)
        return optax.with_extra_args_support(tx).update(
            grad, tx.init(params), params, value=value, grad=grad, value_fn=bowl
        )[0]

    try:
        updates = jax.eval_shape(step, PROBE)
    except Exception as error:
        line = " ".join(str(error).split())[:300]
        raise ValueError(f"{name}: its update raises {type(error).__name__}: {line}") from error
    wanted = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), PROBE)
    given = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), updates)
    if given != wanted:
        raise ValueError(f"{name}: updates of parameters {wanted} are {given}: they must be alike")
