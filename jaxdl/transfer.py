"""Transfer learning: freeze, replace the head, a rate for each layer (Yosinski et al. 2014).

Paths and patterns are those of `jaxdl.masks`.
"""

import re
from collections.abc import Mapping

import jax
import optax
from jax.typing import ArrayLike

from jaxdl import masks
from jaxdl.types import PyTree


def freeze(tx: optax.GradientTransformation, pattern: str) -> optax.GradientTransformation:
    """`tx` for all leaves but those whose path matches: they keep their bits.

    What `tx` adds by itself, such as weight decay, does not reach them, and it keeps no state for
    them. Raises ValueError in `init` if no path matches.
    """

    def labels(params: PyTree) -> PyTree:
        frozen = masks.by_path(params, pattern)
        return jax.tree.map(lambda still: "frozen" if still else "trained", frozen)

    return optax.partition({"trained": tx, "frozen": optax.set_to_zero()}, labels)


def scale_by_path(factors: Mapping[str, ArrayLike]) -> optax.GradientTransformation:
    """Multiplies the update of each leaf by the factor of the first pattern that its path matches.

    Last of a chain it gives each layer its own rate (Howard & Ruder 2018 divide by 2.6 from one
    layer to the one below); a factor of 0 freezes. Factors may be traced, other leaves keep theirs.
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
