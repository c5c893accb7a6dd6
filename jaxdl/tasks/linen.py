"""A Linen module as a task uses it: params and model state apart, in training and after it."""

import dataclasses
import inspect
import re
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.types import Array, PyTree

INTERMEDIATES = "intermediates"
P = ParamSpec("P")
R = TypeVar("R")

IN_TRAINING = {
    "train": True,
    "training": True,
    "is_training": True,
    "is_train": True,
    "deterministic": False,
    "use_running_average": False,
}
"""The names under which a model is told whether it trains, and what it is told in training."""
_SOUNDS_LIKE = re.compile(
    r"(^|_)(is)?(train|determin|eval|infer|test|dropout|running)", re.IGNORECASE
)


def init(model: nn.Module, key: Array, *inputs: ArrayLike | None) -> tuple[PyTree, PyTree]:
    """(params, model_state) of a model on inputs of these shapes."""
    model = _with_field(model, train=False)
    arrays = [value if value is None else jnp.asarray(value) for value in inputs]
    flags = _flags(model, arrays, False, {})
    variables = dict(_traced(model.init, key, *arrays, **flags))
    return variables.pop("params", {}), variables


def apply(
    model: nn.Module,
    params: PyTree,
    model_state: PyTree,
    *inputs: PyTree,
    train: bool,
    key: Array | None = None,
    named: Mapping[str, PyTree] = MappingProxyType({}),
    method: Callable[..., Any] | None = None,
    capture: Callable[[nn.Module, str], bool] | None = None,
) -> tuple[Any, PyTree]:
    """(outputs, model_state): in training with dropout drawn from the key and a state that moves.

    named: inputs that `__call__` takes by name.
    capture: of which modules, and their methods, the outputs are kept in the model state returned,
        as Flax's `capture_intermediates` does, in the collection `intermediates`.

    A model is told whether it trains by the one argument of its `__call__` that is named in
    `IN_TRAINING`, or else by a field of that name; one that has none is not told, and neither is a
    `method`, called instead as `method(model, *inputs)`. TypeError where it cannot be told which
    argument that is: two such, another that sounds like it, none but `**kwargs`, or one that is
    needed and unknown.
    """
    variables = {"params": params, **model_state}
    model = _with_field(model, train)
    flags = {"method": method} if method is not None else _flags(model, inputs, train, named)
    if not train and capture is None:
        return _traced(model.apply, variables, *inputs, **flags), model_state
    options: dict[str, Any] = {"mutable": list(model_state) if train else []}
    if train:
        options["rngs"] = {"dropout": key}
    if capture is not None:
        options["capture_intermediates"] = capture
        options["mutable"] += [INTERMEDIATES]
    outputs, after = _traced(model.apply, variables, *inputs, **flags, **options)
    return outputs, after if train else {**model_state, **after}


def told(names: Collection[str], train: bool) -> dict[str, bool]:
    """What those arguments of a call are given, among these names, that say whether it trains."""
    return {name: value is train for name, value in IN_TRAINING.items() if name in names}


def _with_field(model: nn.Module, train: bool) -> nn.Module:
    """The model told by a field whether it trains, where no argument of its call says so."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"this task needs a Linen module, not {type(model).__name__}")
    if set(IN_TRAINING) & set(inspect.signature(type(model).__call__).parameters):
        return model
    fields: dict[str, Any] = told([field.name for field in dataclasses.fields(model)], train)
    return model.clone(**fields) if fields else model


def _flags(
    model: nn.Module, inputs: Sequence[PyTree], train: bool, named: Mapping[str, PyTree]
) -> dict[str, Any]:
    """What the model is told by name: inputs, and whether it trains."""
    name = type(model).__name__
    signature = inspect.signature(type(model).__call__)
    known = [flag for flag in IN_TRAINING if flag in signature.parameters]
    if isinstance(model, nn.Sequential):
        _check_untold(model)
    elif len(known) > 1:
        raise TypeError(f"{name} takes both {' and '.join(known)}: which one says that it trains?")
    elif not known:
        _check_flagless(name, signature)
    flags = {**named, **told(known, train)}
    try:
        signature.bind(model, *inputs, **flags)
    except TypeError as error:
        given = ", ".join(["..."] * len(inputs) + [f"{flag}=" for flag in flags])
        raise TypeError(
            f"{name}{signature} is called as {name}({given}): {error}; what says that it trains is "
            f"named {', '.join(IN_TRAINING)}"
        ) from None
    return flags


def _check_flagless(name: str, signature: inspect.Signature) -> None:
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            raise TypeError(
                f"{name}.__call__ takes **{parameter.name}, in which no argument says that it "
                f"trains: name it, as one of {', '.join(IN_TRAINING)}"
            )
        if _SOUNDS_LIKE.search(parameter.name) and isinstance(parameter.default, bool):
            raise TypeError(
                f"{name}.__call__ would keep {parameter.name}={parameter.default} in training: "
                f"name that argument as one of {', '.join(IN_TRAINING)}"
            )


def _check_untold(model: nn.Sequential) -> None:
    """A Sequential tells its layers nothing: none may fall back on a default in silence."""
    for layer in model.layers:
        if isinstance(layer, nn.Sequential):
            _check_untold(layer)
        parameters = inspect.signature(type(layer).__call__).parameters.values()
        for parameter in parameters if isinstance(layer, nn.Module) else ():
            if parameter.name in IN_TRAINING and isinstance(parameter.default, bool):
                raise TypeError(
                    f"nn.Sequential does not tell {type(layer).__name__} its {parameter.name}: "
                    "write a module that passes it on"
                )


def _traced(function: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    try:
        return function(*arguments, **options)
    except jax.errors.TracerBoolConversionError as error:
        frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
        if not any(isinstance(frame.f_locals.get("self"), nn.Dropout) for frame in frames):
            raise
        raise TypeError(
            "flax.linen.Dropout compares its rate with 0, and this rate is traced (a "
            "hyperparameter): use jaxdl.layers.dropout.Dropout, whose rate may be"
        ) from error
