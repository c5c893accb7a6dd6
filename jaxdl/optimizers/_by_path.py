"""Parts of the parameters: freeze some, and a rate for each layer (Yosinski et al. 2014).

Paths and patterns are those of `jaxdl.params`.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import optax
from jax.typing import ArrayLike

from jaxdl.params import by_path, paths
from jaxdl.types import PyTree


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
    a frozen module cannot be told to use them; no gradient may be None (`optax.partition`).
    """

    def labels(params: PyTree) -> PyTree:
        frozen = by_path(params, pattern)
        return jax.tree.map(lambda still: "frozen" if still else "trained", frozen)

    partition = optax.partition({"trained": tx, "frozen": optax.set_to_zero()}, labels)

    def init(params: PyTree) -> FreezeState:
        chosen = zip(paths(params), jax.tree.leaves(labels(params)), strict=True)
        held = tuple(path for path, label in chosen if label == "frozen")
        return FreezeState(Frozen(held), partition.init(params))

    def update(
        updates: PyTree, state: FreezeState, params: PyTree | None = None, **extra_args: Any
    ) -> tuple[PyTree, FreezeState]:
        updates, inner = partition.update(updates, state.inner, params, **extra_args)
        return updates, state._replace(inner=inner)

    return optax.GradientTransformationExtraArgs(init, update)


def scale_by_path(factors: Mapping[str, ArrayLike]) -> optax.GradientTransformationExtraArgs:
    """Multiplies the update of each leaf by the factor of the first pattern that its path matches.

    Last of a chain it gives each layer its own rate (Howard & Ruder 2018 divide by 2.6 from one
    layer to the one below); a factor of 0 freezes the parameters, not the running statistics among
    them (`freeze` does). Factors may be traced, other leaves keep theirs.
    Raises ValueError for a pattern that no path matches.
    """

    def update(updates: PyTree, params: PyTree | None = None) -> PyTree:
        del params
        for pattern in factors:
            by_path(updates, pattern)

        def scaled(path: str, leaf: PyTree) -> PyTree:
            for pattern, factor in factors.items():
                if re.search(pattern, path):
                    return leaf * factor
            return leaf

        leaves, structure = jax.tree.flatten(updates)
        pairs = zip(paths(updates), leaves, strict=True)
        return jax.tree.unflatten(structure, [scaled(path, leaf) for path, leaf in pairs])

    return optax.with_extra_args_support(optax.stateless(update))
