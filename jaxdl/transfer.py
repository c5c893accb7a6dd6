"""Transfer learning: freeze, replace the head, a rate for each layer (Yosinski et al. 2014).

Paths and patterns are those of `jaxdl.masks`.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import optax
from jax.typing import ArrayLike

from jaxdl import masks
from jaxdl.tasks import statistics
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Frozen:
    """The paths of the parameters that stay; a note in an optimizer's state, without arrays."""

    paths: tuple[str, ...]


class FreezeState(NamedTuple):
    frozen: Frozen
    inner: PyTree


def freeze(tx: optax.GradientTransformation, pattern: str) -> optax.GradientTransformationExtraArgs:
    """`tx` for all leaves but those whose path matches: they keep their bits.

    What `tx` adds by itself, such as weight decay, does not reach them, and it keeps no state for
    them. A module of which all parameters are frozen stays the function that it is after training:
    `train.step` leaves its model state as it was, and batch norm in it uses its running statistics
    (dropout in it still draws). Raises ValueError in `init` if no path matches, and in a step where
    a frozen module cannot be told to use them.
    """

    def labels(params: PyTree) -> PyTree:
        frozen = masks.by_path(params, pattern)
        return jax.tree.map(lambda still: "frozen" if still else "trained", frozen)

    partition = optax.partition({"trained": tx, "frozen": optax.set_to_zero()}, labels)

    def init(params: PyTree) -> FreezeState:
        chosen = zip(masks.paths(params), jax.tree.leaves(labels(params)), strict=True)
        paths = tuple(path for path, label in chosen if label == "frozen")
        return FreezeState(Frozen(paths), partition.init(params))

    def update(
        updates: PyTree, state: FreezeState, params: PyTree | None = None, **extra_args: Any
    ) -> tuple[PyTree, FreezeState]:
        updates, inner = partition.update(updates, state.inner, params, **extra_args)
        return updates, state._replace(inner=inner)

    return optax.GradientTransformationExtraArgs(init, update)


def still(task: Task, opt_state: PyTree) -> Task:
    """The task as it is trained with this optimizer's state: what `freeze` holds does not move."""
    notes = jax.tree.leaves(opt_state, is_leaf=lambda node: isinstance(node, Frozen))
    frozen = {path for note in notes if isinstance(note, Frozen) for path in note.paths}
    if not frozen:
        return task

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        held = {
            path: leaf
            for path, leaf in zip(
                masks.paths(model_state), jax.tree.leaves(model_state), strict=True
            )
            if _belongs(path, masks.paths(params), frozen)
        }
        if not train or not held:
            return task.loss(params, model_state, batch, key, train=train)
        modules = {
            statistics.module_of(path) for path in held if path in statistics.of(model_state)
        }
        with statistics.running(modules):
            value, (after, metrics) = task.loss(params, model_state, batch, key, train=True)
        kept = [
            held.get(path, leaf)
            for path, leaf in zip(masks.paths(after), jax.tree.leaves(after), strict=True)
        ]
        return value, (jax.tree.unflatten(jax.tree.structure(after), kept), metrics)

    return task._replace(loss=loss)


def _belongs(path: str, params: list[str], frozen: set[str]) -> bool:
    """Whether all parameters of the module nearest to a leaf of model state are frozen."""
    module = statistics.module_of(path)
    while module and not any(name.startswith(f"{module}/") for name in params):
        module = module.rpartition("/")[0]
    return frozen.issuperset(name for name in params if not module or name.startswith(f"{module}/"))


def scale_by_path(factors: Mapping[str, ArrayLike]) -> optax.GradientTransformation:
    """Multiplies the update of each leaf by the factor of the first pattern that its path matches.

    Last of a chain it gives each layer its own rate (Howard & Ruder 2018 divide by 2.6 from one
    layer to the one below); a factor of 0 freezes the parameters, not the running statistics among
    them (`freeze` does). Factors may be traced, other leaves keep theirs.
    Raises ValueError for a pattern that no path matches.
    """

    def update(updates: PyTree, params: PyTree | None = None) -> PyTree:
        del params
        for pattern in factors:
            masks.by_path(updates, pattern)

        def scaled(path: str, leaf: PyTree) -> PyTree:
            for pattern, factor in factors.items():
                if re.search(pattern, path):
                    return leaf * factor
            return leaf

        leaves, structure = jax.tree.flatten(updates)
        pairs = zip(masks.paths(updates), leaves, strict=True)
        return jax.tree.unflatten(structure, [scaled(path, leaf) for path, leaf in pairs])

    return optax.stateless(update)


def graft(params: PyTree, fresh: PyTree, pattern: str) -> PyTree:
    """`params` with the leaves whose path matches taken from `fresh`: a new head, say.

    Both have the same structure; the leaves that are taken may have other shapes (a head for
    another number of classes). Raises ValueError if no path matches or another leaf has another
    shape.
    """

    def choose(new: bool, old_leaf: PyTree, fresh_leaf: PyTree) -> PyTree:
        if not new and old_leaf.shape != fresh_leaf.shape:
            raise ValueError(
                f"a leaf that {pattern!r} does not match has shape {old_leaf.shape} in one tree "
                f"and {fresh_leaf.shape} in the other"
            )
        return fresh_leaf if new else old_leaf

    return jax.tree.map(choose, masks.by_path(fresh, pattern), params, fresh)
