"""A model as the two functions that a task needs, whatever it is written in."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
from flax import traverse_util

from jaxdl.tasks import linen
from jaxdl.types import PyTree

OTHER = "other"
"""Where a model state keeps what is neither of Linen nor running statistics."""


class Network(NamedTuple):
    """What `from_nnx`, `from_equinox` and `from_functions` give, and every task takes.

    init: `(key, *inputs) -> (params, model_state)`, inputs being batches or None.
    apply: `(params, model_state, *inputs, train, key=None, named={}) -> (outputs, model_state)`;
        `key` is that of the step, None where nothing is drawn; `named`: inputs by name. The model
        state keeps its structure.
    name: of the model, as errors say it.
    """

    init: Callable[..., tuple[PyTree, PyTree]]
    apply: Callable[..., tuple[Any, PyTree]]
    name: str = "the model"


Model = nn.Module | Network
"""What a task takes: a Linen module, or a `Network` made of anything else."""


def network(model: Model) -> Network:
    """The functions of a model. TypeError, which says how to make one, for what is none.

    What its `apply` raises says in one line what the inputs were, too.
    """
    if isinstance(model, Network):
        return model._replace(apply=_telling(model))
    if isinstance(model, nn.Module):
        name = type(model).__name__
        return Network(
            functools.partial(linen.init, model), functools.partial(linen.apply, model), name
        )
    raise TypeError(
        f"{type(model).__name__} is no Linen module: tasks.from_nnx(lambda rngs: ...), "
        "tasks.from_equinox(lambda key: ...) or tasks.from_functions(init, apply) makes a model "
        "that tasks take"
    )


def _telling(model: Network) -> Callable[..., tuple[Any, PyTree]]:
    """Its `apply`, whose TypeErrors and ValueErrors say in one line what it was given as well.

    Their subclasses stay what they are: they may be made of more than a text.
    """

    def apply(params: PyTree, model_state: PyTree, *inputs: PyTree, **options: Any) -> Any:
        try:
            return model.apply(params, model_state, *inputs, **options)
        except (TypeError, ValueError) as error:
            if type(error) not in (TypeError, ValueError):
                raise
            given = ", ".join(map(_kind, jax.tree.leaves(inputs))) or "none"
            text = " ".join(str(error).split())
            raise type(error)(f"{model.name}, given inputs {given}: {text}") from error

    return apply


def _kind(leaf: Any) -> str:
    if not hasattr(leaf, "dtype"):
        return type(leaf).__name__
    return f"{leaf.dtype}[{', '.join(map(str, leaf.shape))}]"


def from_functions(init: Callable[..., PyTree], apply: Callable[..., Any]) -> Network:
    """A model of two functions that keep no state: `init(key, x) -> params`, `apply(params, x)`.

    apply: is also told `key`, and by any name of `linen.IN_TRAINING` whether it trains, where it
        has an argument of that name. `key` is None where nothing is to be drawn.
    Functions that keep a state, such as running statistics, are a `Network` as they are.
    """
    taken = set(inspect.signature(apply).parameters)

    def start(key: PyTree, *inputs: PyTree) -> tuple[PyTree, PyTree]:
        return init(key, *inputs), {}

    def run(
        params: PyTree,
        model_state: PyTree,
        *inputs: PyTree,
        train: bool,
        key: PyTree = None,
        **options: Any,
    ) -> tuple[Any, PyTree]:
        told = linen.told(taken, train) | ({"key": key} if "key" in taken else {})
        return apply(params, *inputs, **told, **options.get("named", {})), model_state

    return Network(start, run)


def pair(model: Network, outputs: PyTree, named: str) -> tuple[Any, Any]:
    """What a model gives, which is to be two things; TypeError if it is not.

    named: the two, as the error says them. An array of two rows would pass for a pair.
    """
    if isinstance(outputs, tuple) and len(outputs) == 2:
        return outputs[0], outputs[1]
    found = f"{len(outputs)} of them" if isinstance(outputs, tuple) else type(outputs).__name__
    if hasattr(outputs, "shape"):
        found = f"one array {list(outputs.shape)}"
    raise TypeError(f"{model.name} gives {found}, where {named} is needed")


def name_of(build: Callable[..., Any]) -> str:
    """What errors call the model that is made so: the name of a class."""
    return build.__name__ if inspect.isclass(build) else "the model"


def plain(tree: PyTree) -> dict[str, Any]:
    """The arrays of any pytree as nested dicts by name, which files and masks by path take."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return traverse_util.unflatten_dict({names(keys): leaf for keys, leaf in leaves})


def filled(tree: PyTree, arrays: dict[str, Any]) -> PyTree:
    """`tree` with the leaves that `plain` gave, or others in their place."""
    flat = traverse_util.flatten_dict(arrays)
    return jax.tree_util.tree_map_with_path(lambda keys, _: flat[names(keys)], tree)


def names(keys: tuple) -> tuple[str, ...]:
    """The names of the keys on the way to a leaf."""
    return tuple(jax.tree_util.keystr((key,), simple=True) for key in keys)
