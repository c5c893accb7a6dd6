"""Modules of Equinox in tasks."""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from flax import traverse_util

from jaxdl.params import BATCH_STATS
from jaxdl.tasks.networks import OTHER, Network, filled, name_of, names, plain
from jaxdl.types import Array, PyTree

if TYPE_CHECKING:
    import equinox as eqx

AXIS = "batch"


def from_equinox(build: "Callable[[Array], eqx.Module]") -> Network:
    """A model that `build(key)` makes anew, whose call takes one example: `x`, or several inputs.

    It is mapped over the batch, an axis that its batch norm knows as "batch". Where its call has an
    argument `key`, it gets one for each example, and None where nothing is to be drawn. One that
    holds `nn.StateIndex`es is called with its state behind the inputs and gives `(outputs, state)`.
    Parameters are its inexact arrays, but for rates of dropout, as nested dicts. Model state are
    that state (`batch_stats`) and its other arrays (`other`). Needs the extra `equinox`.
    """
    import equinox as eqx

    make = eqx.nn.make_with_state(build)

    def init(key: Array, *inputs: PyTree) -> tuple[PyTree, PyTree]:
        model, state = make(key)
        params, others, _ = _apart(model)
        model_state = _held(model, state) | ({OTHER: plain(others)} if plain(others) else {})
        # A count that is weakly typed would change its type at the first step.
        return plain(params), jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), model_state)

    def apply(
        params: PyTree,
        model_state: PyTree,
        *inputs: PyTree,
        train: bool,
        key: Array | None = None,
        named: Mapping[str, PyTree] = MappingProxyType({}),
    ) -> tuple[Any, PyTree]:
        model, state = eqx.filter_eval_shape(make, jax.random.key(0))
        own, others, static = _apart(model)
        arrays = filled(own, params), filled(others, model_state.get(OTHER, {}))
        model = eqx.nn.inference_mode(eqx.combine(*arrays, static), not train)
        options = dict(named)
        if key is not None and "key" in inspect.signature(type(model).__call__).parameters:
            options["key"] = jax.random.split(key, len(jax.tree.leaves(inputs)[0]))
        if BATCH_STATS not in model_state:
            return jax.vmap(model, axis_name=AXIS)(*inputs, **options), model_state

        state = _written(model, state, model_state[BATCH_STATS])
        call = jax.vmap(
            lambda state, *inputs, **options: model(*inputs, state, **options),
            in_axes=(None, *[0] * len(inputs)),
            out_axes=(0, None),
            axis_name=AXIS,
        )
        outputs, state = call(state, *inputs, **options)
        return outputs, {**model_state, **_held(model, state)} if train else model_state

    return Network(init, apply, name_of(build))


def _apart(model: PyTree) -> tuple[PyTree, PyTree, PyTree]:
    """Parameters, other arrays, and all that is no array."""
    import equinox as eqx

    def has_shape(leaf: object) -> bool:
        return hasattr(leaf, "shape") and hasattr(leaf, "dtype")

    def learned(node: PyTree) -> bool:
        # A rate of dropout may be traced, and is not to be learned.
        dropout = isinstance(node, eqx.nn.Dropout)
        return not dropout and has_shape(node) and jnp.issubdtype(node.dtype, jnp.inexact)

    chosen = jax.tree.map(learned, model, is_leaf=lambda node: isinstance(node, eqx.nn.Dropout))
    params, rest = eqx.partition(model, chosen)
    return params, *eqx.partition(rest, has_shape)


def _held(model: PyTree, state: "eqx.nn.State") -> dict[str, PyTree]:
    found = {path: state.get(index) for path, index in _indices(model).items()}
    return {BATCH_STATS: traverse_util.unflatten_dict(found)} if found else {}


def _written(model: PyTree, state: "eqx.nn.State", held: PyTree) -> "eqx.nn.State":
    """The state, of which shapes are known, with what is held for it."""
    flat = traverse_util.flatten_dict(held)
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)
    for path, index in _indices(model).items():
        state = state.set(index, flat[path])
    return state


def _indices(model: PyTree) -> dict[tuple[str, ...], Any]:
    """Where a model asks for a part of its state."""
    import equinox as eqx

    index = eqx.nn.StateIndex
    nodes = jax.tree_util.tree_leaves_with_path(model, is_leaf=lambda node: isinstance(node, index))
    return {names(keys): node for keys, node in nodes if isinstance(node, index)}
