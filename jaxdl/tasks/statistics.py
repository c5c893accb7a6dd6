"""Running statistics of Linen modules: batch norm's, in the collection `batch_stats`."""

import contextlib
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any

import flax.linen as nn
from flax.linen.module import InterceptorContext

from jaxdl.params import BATCH_STATS
from jaxdl.tasks.linen import IN_TRAINING


def module_of(path: str) -> str:
    """The path of the module that a leaf of model state belongs to: less collection and name."""
    parts = path.split("/")
    collection = parts.index(BATCH_STATS) if BATCH_STATS in parts else 0
    return "/".join(parts[:collection] + parts[collection + 1 : -1])


@contextlib.contextmanager
def running(modules: Collection[str]) -> Iterator[None]:
    """Modules of these paths are called as after training, inside a `with` around `model.apply`.

    Raises ValueError at its end for a path of which no module was called with a flag for that.
    """
    told = set()

    def tell(
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        context: InterceptorContext,
    ) -> Any:
        module, path = context.module, "/".join(context.module.path)
        if context.method_name != "__call__" or path not in modules:
            return call(*arguments, **options)
        signature = inspect.signature(type(module).__call__)
        flags = {name: not now for name, now in IN_TRAINING.items() if name in signature.parameters}
        told.update([path] if flags else [])
        bound = signature.bind_partial(module, *arguments, **options)
        bound.arguments.update(flags)
        # Flax takes such a flag as a field or as an argument, not as both.
        with _with_fields(module, dict.fromkeys(flags)):
            return call(*bound.args[1:], **bound.kwargs)

    with nn.intercept_methods(tell):
        yield
    if missed := set(modules) - told:
        raise ValueError(
            f"frozen statistics would move: nothing tells {sorted(missed)} to use them"
        )


@contextlib.contextmanager
def of_the_batch() -> Iterator[set[str]]:
    """Running statistics become those of the batch alone; gives the paths of modules that did so.

    They are the modules with a field `momentum`, such as batch norm.
    """
    found = set()

    def forget(
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        context: InterceptorContext,
    ) -> Any:
        if not hasattr(context.module, "momentum"):
            return call(*arguments, **options)
        found.add("/".join(context.module.path))
        with _with_fields(context.module, {"momentum": 0.0}):
            return call(*arguments, **options)

    with nn.intercept_methods(forget):
        yield found


@contextlib.contextmanager
def _with_fields(module: nn.Module, values: dict[str, Any]) -> Iterator[None]:
    """A bound module with other values of those fields that it has."""
    before = {name: getattr(module, name) for name in values if hasattr(module, name)}
    try:
        for name in before:
            object.__setattr__(module, name, values[name])
        yield
    finally:
        for name, value in before.items():
            object.__setattr__(module, name, value)
