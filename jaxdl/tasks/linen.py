"""A Linen module as a task uses it: params and model state apart, in training and after it."""

import inspect
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.types import Array, PyTree


def init(model: nn.Module, key: Array, *inputs: Any) -> tuple[PyTree, PyTree]:
    """(params, model_state) of a model on inputs of these shapes."""
    arrays = [value if value is None else jnp.asarray(value) for value in inputs]
    variables = dict(model.init(key, *arrays, **_flags(model, train=False)))
    return variables.pop("params", {}), variables


def apply(
    model: nn.Module,
    params: PyTree,
    model_state: PyTree,
    *inputs: Any,
    train: bool,
    key: Any = None,
    method: Callable[..., Any] | None = None,
) -> tuple[Any, PyTree]:
    """(outputs, model_state): in training with dropout drawn from the key and a state that moves.

    A model whose `__call__` takes no `train` is not given it, and neither is a `method`, called
    instead as `method(model, *inputs)`.
    """
    variables = {"params": params, **model_state}
    flags = {"method": method} if method is not None else _flags(model, train)
    if not train:
        return model.apply(variables, *inputs, **flags), model_state
    return model.apply(
        variables, *inputs, **flags, rngs={"dropout": key}, mutable=list(model_state)
    )


def _flags(model: nn.Module, train: bool) -> dict[str, Any]:
    takes_train = "train" in inspect.signature(type(model).__call__).parameters
    return {"train": train} if takes_train else {}
