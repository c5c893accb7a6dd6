"""Trees of parameters by path: masks, as optax's `mask` arguments take them, factors, and grafts.

The path of a leaf is its keys joined by `/`, as in `encoder/Dense_0/kernel`.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl.types import Array, PyTree

BATCH_STATS = "batch_stats"
"""The collection of running statistics, as Flax's batch norm names it."""
PIECE = 2**24
"""Bytes of an array that are looked at together."""
_NO_KERNEL = re.compile("bias|scale|embed", re.IGNORECASE)


def _path(keys: tuple) -> str:
    return jax.tree_util.keystr(keys, simple=True, separator="/")


def paths(params: PyTree) -> list[str]:
    """The path of every leaf, in the order of `jax.tree.leaves`."""
    return [_path(keys) for keys, _ in jax.tree_util.tree_leaves_with_path(params)]


def kernels(params: PyTree) -> PyTree:
    """True for weight matrices and convolution kernels, False for all other leaves.

    A kernel is a leaf named `kernel`, or one of two or more axes whose name does not contain
    `bias`, `scale` or `embed`. So biases, scales of norms, embeddings and learned slopes are out.
    `params` is of one model: an axis of lanes would make vectors look like matrices.
    """

    def is_kernel(keys: tuple, leaf: ArrayLike) -> bool:
        name = _path(keys[-1:])
        return name == "kernel" or (jnp.ndim(leaf) >= 2 and not _NO_KERNEL.search(name))

    return jax.tree_util.tree_map_with_path(is_kernel, params)


def by_path(params: PyTree, pattern: str) -> PyTree:
    """True for the leaves whose path has a match of the regular expression `pattern`.

    Raises ValueError naming the pattern and the paths if there is none.
    """
    if not any(re.search(pattern, path) for path in paths(params)):
        raise ValueError(f"no parameter path matches {pattern!r}; the paths are {paths(params)}")
    return jax.tree_util.tree_map_with_path(
        lambda keys, _: re.search(pattern, _path(keys)) is not None, params
    )


def scaled(params: PyTree, pattern: str, factor: ArrayLike) -> PyTree:
    """`params` with the leaves whose path matches times a factor, in their dtype.

    With 0 and the scale of the last norm of every residual branch this is the zero γ of Goyal et
    al. 2017, https://arxiv.org/abs/1706.02677 (section 5.1): each block begins as its shortcut.
    Raises ValueError if no path matches.
    """

    def multiply(chosen: bool, leaf: Array) -> Array:
        return (leaf * factor).astype(leaf.dtype) if chosen else leaf

    return jax.tree.map(multiply, by_path(params, pattern), params)


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

    return jax.tree.map(choose, by_path(fresh, pattern), params, fresh)


def transplant(params: PyTree, source: PyTree, pattern: str) -> PyTree:
    """`params` with the leaves whose path matches taken from `source`, the params of another model:
    the encoder of a language model for a classifier, say.

    Raises ValueError if no path matches, and naming a path that `source` has not, or not in that
    shape.
    """
    given = dict(zip(paths(source), jax.tree.leaves(source), strict=True))

    def choose(keys: tuple, chosen: bool, leaf: Array) -> Array:
        path = _path(keys)
        if not chosen:
            return leaf
        if path not in given or given[path].shape != leaf.shape:
            there = f"{given[path].shape} there" if path in given else f"not among {list(given)}"
            raise ValueError(f"{path} {leaf.shape} cannot be transplanted: it is {there}")
        return given[path]

    return jax.tree_util.tree_map_with_path(choose, by_path(params, pattern), params)


def running_statistics(model_state: PyTree) -> dict[str, Any]:
    """The running statistics among the leaves of a model's state, by path."""
    leaves = zip(paths(model_state), jax.tree.leaves(model_state), strict=True)
    return {path: leaf for path, leaf in leaves if BATCH_STATS in path.split("/")}


def is_key(leaf: object) -> bool:
    """Whether a leaf is a typed PRNG key."""
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def digest(tree: PyTree) -> str:
    """sha256 of a pytree of arrays: paths, shapes, dtypes and bytes, read in `pieces`."""
    hasher = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = jax.random.key_data(leaf) if is_key(leaf) else leaf
        array = array if hasattr(array, "shape") else np.asarray(array)
        hasher.update(f"{jax.tree_util.keystr(path)}{array.shape}{array.dtype}".encode())
        for piece in pieces(array):
            # As bytes: a buffer of bfloat16 cannot be handed over.
            hasher.update(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)
    return hasher.hexdigest()


def pieces(array: Any) -> Iterator[np.ndarray]:
    """An array, of JAX, NumPy or in a file, in order, with no more of it in memory than PIECE bytes
    or one row."""
    if isinstance(array, jax.Array) or not array.shape:
        yield np.asarray(array)
        return
    rows = max(1, PIECE * len(array) // max(1, array.nbytes)) if len(array) else 1
    for begin in range(0, len(array), rows):
        yield array[begin : begin + rows]
