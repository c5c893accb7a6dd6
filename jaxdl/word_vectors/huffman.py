"""Huffman trees over words: frequent words have short paths. Huffman 1952.

https://doi.org/10.1109/JRPROC.1952.273898; for a hierarchical softmax: Mikolov et al. 2013.
"""

import heapq
from typing import NamedTuple

import numpy as np

from jaxdl.data.errors import DataError


class Tree(NamedTuple):
    """The way from the root to each of V words, in V − 1 inner nodes of which the last is the root.

    nodes: int32 `[V, L]`, the inner nodes on the way, from the root on.
    signs: float32 `[V, L]`, 1 to the left and −1 to the right from there; 0 behind the end.
    """

    nodes: np.ndarray
    signs: np.ndarray


def tree(counts: np.ndarray) -> Tree:
    """The tree in which Σ_w counts_w · length_w is least; of equals the older are joined first.

    counts: `[V]`, not negative. Raises DataError for fewer than two words.
    """
    size = len(counts)
    if size < 2:
        raise DataError(f"a tree needs two words, not {size}")
    heap = [(float(count), word) for word, count in enumerate(counts)]
    heapq.heapify(heap)
    parents = np.zeros(2 * size - 1, np.int32)
    signs = np.zeros(2 * size - 1, np.float32)
    for node in range(size, 2 * size - 1):
        lighter, left = heapq.heappop(heap)
        heavier, right = heapq.heappop(heap)
        parents[[left, right]], signs[[left, right]] = node, (1, -1)
        heapq.heappush(heap, (lighter + heavier, node))
    return _paths(parents, signs, size)


def _paths(parents: np.ndarray, signs: np.ndarray, words: int) -> Tree:
    """The ways of all words, found from the root downwards."""
    depth = np.zeros(len(parents), np.int32)
    for node in range(len(parents) - 2, -1, -1):
        depth[node] = depth[parents[node]] + 1
    lengths = depth[:words]
    nodes_of = np.zeros((words, lengths.max()), np.int32)
    signs_of = np.zeros((words, lengths.max()), np.float32)
    at = np.arange(words)
    for back in range(1, lengths.max() + 1):
        below = np.flatnonzero(lengths >= back)
        place = lengths[below] - back
        nodes_of[below, place] = parents[at[below]] - words
        signs_of[below, place] = signs[at[below]]
        at[below] = parents[at[below]]
    return Tree(nodes_of, signs_of)


def split(tree: Tree, upper: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each way in two: through the `upper` nodes that are last, the heaviest, and below them.

    Returns the signs at those nodes, int8 `[V, upper]`, 0 at a node beside the way; nodes and signs
    of what is below, `[V, L']` as in a `Tree`, L' its length at most.
    """
    first = len(tree.nodes) - 1 - upper
    above = (tree.signs != 0) & (tree.nodes >= first)
    turns = np.zeros((len(tree.nodes), upper), np.int8)
    words, places = np.nonzero(above)
    turns[words, tree.nodes[words, places] - first] = tree.signs[words, places]
    # A node is joined before its parent, so ways lead from the last nodes to the first.
    start = above.sum(axis=1)[:, None]
    longest = int(((tree.signs != 0).sum(axis=1)[:, None] - start).max())
    places = start + np.arange(longest)
    inside = places < tree.nodes.shape[1]
    places = np.minimum(places, tree.nodes.shape[1] - 1)
    nodes, signs = (np.take_along_axis(x, places, axis=1) * inside for x in tree)
    return turns, nodes, signs.astype(np.float32)
