import itertools

import numpy as np
import pytest

from jaxdl.data.errors import DataError
from jaxdl.word_vectors import huffman


def lengths(tree):
    return (tree.signs != 0).sum(axis=1)


def test_a_tree_by_hand():
    """1 + 1 = 2 (node 0), 2 + 3 = 5 (node 1), 5 + 6 = 11 (node 2, the root)."""
    tree = huffman.tree(np.array([6, 3, 1, 1]))
    # Of 5 and 6 the lighter goes left, of 2 and 3 too.
    assert tree.nodes.tolist() == [[2, 0, 0], [2, 1, 0], [2, 1, 0], [2, 1, 0]]
    assert tree.signs.tolist() == [[-1, 0, 0], [1, -1, 0], [1, 1, 1], [1, 1, -1]]


def test_codes_are_the_shortest_there_are():
    """Against all lengths that a binary code can have (Kraft: Σ 2^−l ≤ 1)."""
    counts = np.random.default_rng(0).integers(1, 30, size=6)
    tree = huffman.tree(counts)
    codes = itertools.product(range(1, 6), repeat=6)
    possible = [counts @ np.array(code) for code in codes if sum(2.0 ** -np.array(code)) <= 1]
    assert counts @ lengths(tree) == min(possible)


def test_every_word_has_an_end_of_its_own():
    tree = huffman.tree(np.random.default_rng(1).zipf(1.5, size=200))
    assert (2.0 ** -lengths(tree)).sum() == 1
    assert len({tuple(signs) for signs in tree.signs}) == 200
    assert set(tree.nodes[tree.signs != 0]) == set(range(199))
    assert (tree.nodes[:, 0] == 198).all()


def test_a_node_is_reached_in_one_way():
    tree = huffman.tree(np.arange(1, 40))
    before = {}
    for nodes, signs in zip(tree.nodes, tree.signs, strict=True):
        for place in range(int((signs != 0).sum())):
            way = tuple(signs[:place])
            assert before.setdefault(nodes[place], way) == way


def test_words_of_equal_counts_have_equal_paths():
    assert lengths(huffman.tree(np.ones(16))).tolist() == [4] * 16


def test_one_word_is_refused():
    with pytest.raises(DataError, match="two words"):
        huffman.tree(np.ones(1))


@pytest.mark.parametrize("upper", [0, 3, 10, 39])
def test_a_way_in_two_is_the_whole_way(upper):
    tree = huffman.tree(np.random.default_rng(2).integers(1, 99, size=40))
    turns, nodes, signs = huffman.split(tree, upper)
    for word in range(40):
        way = {n: s for n, s in zip(tree.nodes[word], tree.signs[word], strict=True) if s}
        above = {39 - upper + place: s for place, s in enumerate(turns[word]) if s}
        below = {n: s for n, s in zip(nodes[word], signs[word], strict=True) if s}
        assert above | below == way
        assert all(node >= 39 - upper for node in above)
        assert all(node < 39 - upper for node in below)
    assert (signs != 0).any(axis=0).all()
