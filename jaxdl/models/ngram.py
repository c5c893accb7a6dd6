"""n-gram language models: relative frequencies, smoothed. Chen & Goodman 1999.

A window is n ids, a token behind its n − 1 predecessors. The models are functions of counts and
windows; a column of windows that differ in the last id only is a distribution over the vocabulary.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Table(NamedTuple):
    """Counts c(h, w) > 0 of grams of `length` ids; a gram's code is its ids as digits in base K.

    codes int64 `[G]`, ascending; counts int64 `[G]`
    contexts int64 `[H]`, the codes of h, ascending; totals, types int64 `[H]`: c(h), the sum over
        w, and how many w there are
    """

    length: int
    codes: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    types: np.ndarray


class Counts(NamedTuple):
    """What n-gram models are made of; the m-th entry of each tuple is of grams of m + 1 ids.

    occurrences: how often a gram occurs
    continuations: how many ids occur in front of it; one table less, since nothing is known of what
        stands in front of n ids
    size: K, the number of ids
    """

    occurrences: tuple[Table, ...]
    continuations: tuple[Table, ...]
    size: int

    @property
    def order(self) -> int:
        """n."""
        return len(self.occurrences)


def windows_of(
    sequences: Iterable[Sequence[int] | np.ndarray], order: int, start: int
) -> np.ndarray:
    """Every id of every sequence behind its n − 1 predecessors: int64 `[M, n]`, M ids in all.

    Where there are fewer predecessors, `start` stands for them; no window spans two sequences.
    Raises ValueError for an order below 1.
    """
    if order < 1:
        raise ValueError(f"order {order}, 1 or more is needed")
    parts = [np.zeros((0, order), np.int64)]
    for ids in sequences:
        filled = np.concatenate([np.full(order - 1, start), np.asarray(ids, np.int64)])
        if len(filled) >= order:
            parts.append(np.lib.stride_tricks.sliding_window_view(filled, order))
    return np.concatenate(parts)


def fit(windows: np.ndarray, size: int) -> Counts:
    """Counts of the grams of 1 … n ids that windows `[M, n]` of ids in 0 … K − 1 end in.

    Raises ValueError if there are none, for an id out of range, or if Kⁿ does not fit in 63 bits.
    """
    count, order = windows.shape
    size = int(size)  # a NumPy integer would overflow below
    if not count:
        raise ValueError("no windows to count")
    if size**order >= 2**63:
        raise ValueError(f"{size} ids to the power of {order} do not fit in 63 bits")
    _check(windows, size)
    tables, continuations = [], []
    for m in range(1, order + 1):
        codes, counts = np.unique(_codes(windows[:, order - m :], size), return_counts=True)
        tables.append(_table(m, codes, counts, size))
        if m > 1:
            shorter, fronts = np.unique(codes % size ** (m - 1), return_counts=True)
            continuations.append(_table(m - 1, shorter, fronts, size))
    return Counts(tuple(tables), tuple(continuations), size)


def add_k(counts: Counts, windows: np.ndarray, k: float) -> np.ndarray:
    """log p in nats, `[M]`: p(w | h) = (c(h, w) + k) / (c(h) + kK). k = 1 is Laplace's rule.

    windows: `[M, n]`. Raises ValueError for k ≤ 0 or an id out of range.
    """
    if k <= 0:
        raise ValueError(f"k {k}, more than 0 is needed")
    c, total, _ = _look_up(counts.occurrences[-1], windows, counts)
    return np.log((c + k) / (total + k * counts.size))


def jelinek_mercer(counts: Counts, windows: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """log p in nats, `[M]`: p_m(w | h) = λ_m c(h, w) / c(h) + (1 − λ_m) p_{m−1}(w | h'), p_0 = 1/K.

    h' is h without its first id. A context that never occurred has λ_m = 0. Jelinek & Mercer 1980.
    weights: λ_1 … λ_n. windows: `[M, n]`.
    Raises ValueError unless there are n weights in 0 ≤ λ < 1, or for an id out of range.
    """
    if len(weights) != counts.order or not all(0 <= weight < 1 for weight in weights):
        raise ValueError(f"weights {tuple(weights)}: {counts.order} numbers in [0, 1) are needed")
    p = np.full(len(windows), 1 / counts.size)
    for table, weight in zip(counts.occurrences, weights, strict=True):
        c, total, _ = _look_up(table, windows, counts)
        seen = total > 0
        p[seen] = weight * c[seen] / total[seen] + (1 - weight) * p[seen]
    return np.log(p)


def kneser_ney(counts: Counts, windows: np.ndarray, discount: float = 0.75) -> np.ndarray:
    """log p in nats, `[M]`: p_m(w | h) = (max(c(h, w) − d, 0) + d·N(h) p_{m−1}(w | h')) / c(h).

    N(h) is how many ids follow h, h' is h without its first id, p_0 = 1/K. The longest grams count
    occurrences, shorter ones how many ids occur in front of them; p_m = p_{m−1} where c(h) = 0.
    Kneser & Ney 1995, interpolated as in Chen & Goodman.
    windows: `[M, n]`. Raises ValueError unless 0 < discount < 1, or for an id out of range.
    """
    if not 0 < discount < 1:
        raise ValueError(f"discount {discount} is not between 0 and 1")
    p = np.full(len(windows), 1 / counts.size)
    for table in (*counts.continuations, counts.occurrences[-1]):
        c, total, types = _look_up(table, windows, counts)
        seen = total > 0
        kept = np.maximum(c - discount, 0)
        p[seen] = (kept[seen] + discount * types[seen] * p[seen]) / total[seen]
    return np.log(p)


def best_discount(counts: Counts, windows: np.ndarray, discounts: Sequence[float]) -> float:
    """The discount at which `kneser_ney` finds held-out windows `[M, n]` likeliest."""
    return max(discounts, key=lambda each: kneser_ney(counts, windows, each).mean())


def following(context: Sequence[int] | np.ndarray, size: int) -> np.ndarray:
    """Windows `[K, n]` of every id behind a context `[n − 1]`: a model gives them log p(· | h)."""
    behind = np.arange(size)[:, None]
    return np.concatenate([np.tile(np.asarray(context, np.int64), (size, 1)), behind], axis=1)


def perplexity(log_probabilities: np.ndarray) -> float:
    """exp of the mean of −log p over tokens, for log p in nats `[M]`: a number of equal choices."""
    return float(np.exp(-np.mean(log_probabilities)))


def bits(log_probabilities: np.ndarray) -> float:
    """Cross-entropy in bits per token of log p in nats `[M]`: log2 of the perplexity."""
    return float(-np.mean(log_probabilities) / np.log(2))


def _codes(grams: np.ndarray, size: int) -> np.ndarray:
    """Grams `[M, m]` as numbers with m digits in base `size`: int64 `[M]`."""
    codes = np.zeros(len(grams), np.int64)
    for column in grams.T:
        codes = codes * size + column
    return codes


def _table(length: int, codes: np.ndarray, counts: np.ndarray, size: int) -> Table:
    contexts, row, types = np.unique(codes // size, return_inverse=True, return_counts=True)
    totals = np.zeros(len(contexts), np.int64)
    np.add.at(totals, row, counts)
    return Table(length, codes, counts, contexts, totals, types)


def _look_up(
    table: Table, windows: np.ndarray, counts: Counts
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """c(h, w), c(h) and N(h) of windows `[M, n]`, of as many last ids as the table's grams have."""
    _check(windows, counts.size)
    if windows.shape[1] != counts.order:
        raise ValueError(f"windows of {windows.shape[1]} ids for counts of order {counts.order}")
    codes = _codes(windows[:, counts.order - table.length :], counts.size)
    row = _find(table.contexts, codes // counts.size)
    return (
        _values(table.counts, _find(table.codes, codes)),
        _values(table.totals, row),
        _values(table.types, row),
    )


def _find(sorted_: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where the values are in a sorted array, −1 where they are not."""
    place = np.minimum(np.searchsorted(sorted_, values), len(sorted_) - 1)
    return np.where(sorted_[place] == values, place, -1)


def _values(array: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.where(places < 0, 0, array[places])


def _check(windows: np.ndarray, size: int) -> None:
    outside = np.argwhere((windows < 0) | (windows >= size))
    if len(outside):
        row, column = outside[0]
        value = windows[row, column]
        raise ValueError(f"window {row}, place {column}: id {value} is outside 0..{size - 1}")
